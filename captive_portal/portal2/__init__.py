"""Portal 2.0: the protocol by which controllers of China Mobile, Huawei, H3C, Ruijie and ZTE let visitors in."""
