"""What `netops report trace` says of one deduction's way, in the two languages; names, digests, values stay as is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.report.words import Language

# (Chinese, English); what stands before a line is as wide in all of them
SAID: Mapping[str, tuple[str, str]] = {
    "deduction": (
        "扣减     {objective}：{verdict}，{shown} %，{owed}",
        "deduction  {objective}: {verdict}, {shown} %, {owed}",
    ),
    "owes": ("应扣减 {credit}", "{credit}"),
    "owes_nothing": ("本项不单独扣减", "owes nothing itself"),
    "incident": (
        "中断     {service}：{start} – {end}，{cause}，{because}",
        "incident   {service}: {start} – {end}, {cause}, {because}",
    ),
    "sealed": (
        "封存于   第 {leaves} 叶（availability_hour；证明在 proofs/inclusion.jsonl）",
        "sealed in  leaf {leaves} (availability_hour; proven in proofs/inclusion.jsonl)",
    ),
    "seen": ("所见设备 {device}", "seen on    {device}"),
    "subject": ("，{subject}", ", {subject}"),
    "poll": ("轮询     {poll}：{outcome}", "poll       {poll}: {outcome}"),
    "answered": ("已应答，设备模板 {profile}", "answered, profile {profile}"),
    "went": ("{outcome}，设备模板 {profile}", "{outcome}, profile {profile}"),
    "forgotten": ("结果已不再保留", "its outcome is no longer kept"),
    "chunk": (
        "  存块   {file}，SHA-256 {digest}，{stands}",
        "  chunk    {file}, SHA-256 {digest}, {stands}",
    ),
    "leaf": ("第 {leaf} 叶", "leaf {leaf}"),
    "no_leaf": ("尚未封存", "in no leaf yet"),
    "bytes": (
        "  字节   {count} 个应答，{octets} 字节，SHA-256 {whole}",
        "  bytes    {count} replies, {octets} octets, SHA-256 {whole}",
    ),
    "read": ("  读数   {line}", "  read     {line}"),
    "ask": (
        "请索取   轮询 {poll}：载有其应答的存块，逐字节，以及写明该存块 SHA-256 的",
        "ask for    poll {poll}: the chunk with its replies, byte for byte, and the leaf",
    ),
    "ask_more": (
        "         `raw_chunk` 叶，连同其包含证明与检查点",
        "           `raw_chunk` that names the chunk's SHA-256, with its inclusion proof and checkpoint",
    ),
}


def say(word: str, language: Language, /, **given: object) -> str:
    """Return one sentence."""
    return SAID[word][language == "en"].format(**given)
