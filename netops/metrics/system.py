"""Metrics that any device may have: system group, interfaces, host resources."""

from __future__ import annotations

from netops.metrics.metric import Better, Metric, Standing, State, counter, gauge, state, text

_LOWER = Better.LOWER

_SENSOR = "ENTITY-SENSOR-MIB entPhySensorValue"
_IF_STATES = (
    State(1, "up", "正常", Standing.UP),
    State(2, "down", "断开", Standing.DOWN),
    State(3, "testing", "测试中", Standing.UNKNOWN),
    State(4, "unknown", "未知", Standing.UNKNOWN),
    State(5, "dormant", "休眠", Standing.DEGRADED),
    State(6, "not_present", "硬件不在位", Standing.DOWN),
    State(7, "lower_layer_down", "下层断开", Standing.DOWN),
)

ENTRIES: tuple[Metric, ...] = (
    text("system.description", "设备自述", "what the device says it is", "SNMPv2-MIB sysDescr"),
    text("system.object_id", "产品标识", "the vendor's identification of the product", "SNMPv2-MIB sysObjectID"),
    text("system.name", "设备名", "the administratively assigned name", "SNMPv2-MIB sysName"),
    text("system.location", "设备位置", "where the device says it stands", "SNMPv2-MIB sysLocation"),
    text("system.contact", "联系人", "whom the device names as contact", "SNMPv2-MIB sysContact"),
    text("system.model", "型号", "the product's model", "ENTITY-MIB entPhysicalModelName or the vendor's object"),
    text("system.serial", "序列号", "the serial number", "ENTITY-MIB entPhysicalSerialNum or the vendor's object"),
    text(
        "system.version", "软件版本", "the running software", "ENTITY-MIB entPhysicalSoftwareRev or the vendor's object"
    ),
    gauge(
        "system.uptime",
        "s",
        "SNMP 代理运行时长",
        "time since the agent restarted",
        "SNMPv2-MIB sysUpTime",
        bounds=(0, None),
    ),
    gauge(
        "system.temperature",
        "Cel",
        "设备温度",
        "temperature inside the device",
        "vendor",
        better=_LOWER,
        bounds=(-40, 125),
    ),
    gauge(
        "system.cpu", "%", "处理器占用率", "share of processor time in use", "vendor", better=_LOWER, bounds=(0, 100)
    ),
    gauge("system.memory", "%", "内存占用率", "share of memory in use", "vendor", better=_LOWER, bounds=(0, 100)),
    gauge("system.memory.size", "By", "内存容量", "memory of the device", "vendor", bounds=(0, None)),
    gauge("system.memory.free", "By", "空闲内存", "memory that is not in use", "vendor", bounds=(0, None)),
    text("entity.name", "部件名", "name of a chassis or stack member", "ENTITY-MIB entPhysicalName"),
    text("entity.description", "部件描述", "the manufacturer's description", "ENTITY-MIB entPhysicalDescr"),
    text("entity.model", "部件型号", "model of a chassis or stack member", "ENTITY-MIB entPhysicalModelName"),
    text("entity.serial", "部件序列号", "serial number of a chassis", "ENTITY-MIB entPhysicalSerialNum"),
    text("entity.hardware", "硬件版本", "hardware revision", "ENTITY-MIB entPhysicalHardwareRev"),
    text("entity.firmware", "固件版本", "firmware revision", "ENTITY-MIB entPhysicalFirmwareRev"),
    text("entity.software", "部件软件版本", "software revision", "ENTITY-MIB entPhysicalSoftwareRev"),
    text("sensor.name", "传感器名", "name of a sensor", "ENTITY-MIB entPhysicalName"),
    text(
        "sensor.description", "传感器描述", "the manufacturer's description of a sensor", "ENTITY-MIB entPhysicalDescr"
    ),
    gauge("sensor.temperature", "Cel", "传感器温度", "a sensor's temperature", _SENSOR, bounds=(-60, 200)),
    gauge(
        "sensor.voltage", "V", "传感器电压", "a sensor's voltage, direct or alternating", _SENSOR, bounds=(-1000, 1000)
    ),
    gauge("sensor.current", "A", "传感器电流", "a sensor's electric current", _SENSOR, bounds=(-1000, 1000)),
    gauge("sensor.power", "W", "传感器功率", "a sensor's power, electric or optical", _SENSOR, bounds=(-1e6, 1e6)),
    gauge("sensor.humidity", "%", "传感器湿度", "a sensor's relative humidity", _SENSOR, bounds=(0, 100)),
    gauge("sensor.speed", "1/min", "传感器转速", "a fan's revolutions", _SENSOR, bounds=(0, 100_000)),
    text("interface.name", "接口名", "the short name of an interface", "IF-MIB ifName"),
    text("interface.description", "接口描述", "the manufacturer's description of an interface", "IF-MIB ifDescr"),
    text("interface.alias", "接口别名", "the operator's name of an interface", "IF-MIB ifAlias"),
    gauge(
        "interface.type", "1", "接口类型编号", "IANA number of the interface type", "IF-MIB ifType", bounds=(1, None)
    ),
    gauge("interface.speed", "bit/s", "接口带宽", "current bandwidth estimate", "IF-MIB ifHighSpeed", bounds=(0, None)),
    state("interface.admin", "管理状态", "state the operator wants", "IF-MIB ifAdminStatus", *_IF_STATES[:3]),
    state("interface.oper", "运行状态", "state the interface is in", "IF-MIB ifOperStatus", *_IF_STATES),
    counter("interface.in_octets", "By", "接收字节数", "octets received, 64 bit", "IF-MIB ifHCInOctets"),
    counter("interface.out_octets", "By", "发送字节数", "octets sent, 64 bit", "IF-MIB ifHCOutOctets"),
    counter("interface.in_octets32", "By", "接收字节数（32位）", "octets received, wraps at 2^32", "IF-MIB ifInOctets"),
    counter("interface.out_octets32", "By", "发送字节数（32位）", "octets sent, wraps at 2^32", "IF-MIB ifOutOctets"),
    counter("interface.in_errors", "1", "接收错误数", "packets received in error", "IF-MIB ifInErrors", better=_LOWER),
    counter(
        "interface.out_errors", "1", "发送错误数", "packets that could not be sent", "IF-MIB ifOutErrors", better=_LOWER
    ),
    counter(
        "interface.in_discards",
        "1",
        "接收丢弃数",
        "good packets dropped on receipt",
        "IF-MIB ifInDiscards",
        better=_LOWER,
    ),
    counter(
        "interface.out_discards",
        "1",
        "发送丢弃数",
        "good packets dropped before sending",
        "IF-MIB ifOutDiscards",
        better=_LOWER,
    ),
    gauge(
        "host.uptime",
        "s",
        "主机运行时长",
        "time since the host started",
        "HOST-RESOURCES-MIB hrSystemUptime",
        bounds=(0, None),
    ),
    gauge(
        "host.processes",
        "1",
        "进程数",
        "processes loaded or running",
        "HOST-RESOURCES-MIB hrSystemProcesses",
        bounds=(0, None),
    ),
    gauge(
        "host.memory.size",
        "By",
        "物理内存",
        "physical main memory",
        "HOST-RESOURCES-MIB hrMemorySize",
        bounds=(0, None),
    ),
    gauge(
        "host.cpu",
        "%",
        "处理器占用率",
        "busy share of one processor, last minute",
        "HOST-RESOURCES-MIB hrProcessorLoad",
        better=_LOWER,
        bounds=(0, 100),
    ),
    text("host.storage.name", "存储区", "what the storage area is", "HOST-RESOURCES-MIB hrStorageDescr"),
    gauge(
        "host.storage.size",
        "By",
        "存储容量",
        "size of a storage area",
        "HOST-RESOURCES-MIB hrStorageSize x hrStorageAllocationUnits",
        bounds=(0, None),
    ),
    gauge(
        "host.storage.used",
        "By",
        "已用存储",
        "allocated part of a storage area",
        "HOST-RESOURCES-MIB hrStorageUsed x hrStorageAllocationUnits",
        bounds=(0, None),
    ),
)
