"""What the platform says of itself, as tags of a site: its own disk, clock and roles, and each gateway's absence."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from registry.site import Enterprise, Gateway, Site, Source, Tag

PLATFORM = "platform"  # the code of the enterprise, and of the source in it and in every enterprise with a gateway
LIMIT = 0.5  # 0 is well, 1 is not


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing the platform watches in itself; `says` is what a value of 1 means."""

    tag: str
    says: str
    priority: int


DISK = Watch("disk", "磁盘将满 The disk of the platform is almost full", 1)
INPUT_FULL = Watch("input-full", "输入日志已满 The input log is full: gateways are not confirmed", 1)
INGEST = Watch("ingest", "未在接收 Nobody takes readings in", 1)
ENGINE = Watch("engine", "报警引擎停止 No engine evaluates alarms", 1)
ENGINE_LAG = Watch("engine-lag", "报警引擎滞后或跳过输入 The engine is behind, or passed over an input", 2)
DATABASE = Watch("database", "数据库不可用 The database does not take history", 2)
HISTORIAN = Watch("historian", "历史记录停止 Nobody writes history", 2)
NOTIFIER = Watch("notifier", "通知失败 Notices do not reach people", 2)
CLOCK = Watch("clock", "平台时钟跳变 The clock of the platform stepped or differs from most gateways", 2)
API = Watch("api", "界面服务停止 Nobody serves screens", 3)
SYNC = Watch("sync", "磁盘写入缓慢 A synced write takes too long", 4)

WATCHES = (DISK, INPUT_FULL, INGEST, ENGINE, ENGINE_LAG, DATABASE, HISTORIAN, NOTIFIER, CLOCK, API, SYNC)
GATEWAY_PRIORITY = 3


def offline_tag(gateway: str) -> str:
    """The tag of a gateway's enterprise that is 1 while the gateway is offline."""
    return f"{PLATFORM}.offline.{gateway}"


def clock_tag(gateway: str) -> str:
    """The tag of a gateway's enterprise that is 1 while the gateway's clock is wrong."""
    return f"{PLATFORM}.clock.{gateway}"


def is_platform(tag: Tag) -> bool:
    """Whether the platform itself feeds this tag."""
    return tag.enterprise == PLATFORM or tag.tag.startswith(f"{PLATFORM}.")


def numbered(site: Site) -> Site:
    """The site with a point id for everything the platform says of it; ids of what is gone are not used again."""
    ids: dict[str, int] = {}
    next_id = site.next_id
    for key in _tags(site):
        if key in site.platform_ids:
            ids[key] = site.platform_ids[key]
        else:
            ids[key] = next_id
            next_id += 1
    return msgspec.structs.replace(site, platform_ids=ids, next_id=next_id)


def with_platform(site: Site) -> Site:
    """The site as screens and the engine see it: with the enterprise `platform` and the sources `platform`."""
    sources = {f"{PLATFORM}/{PLATFORM}": Source(PLATFORM, PLATFORM, "平台自身 The platform itself")}
    for gateway in site.gateways.values():
        key = f"{gateway.enterprise}/{PLATFORM}"
        sources.setdefault(key, Source(gateway.enterprise, PLATFORM, "网关通信 Gateways"))
    enterprise = Enterprise(PLATFORM, "平台 Platform", "")
    return msgspec.structs.replace(
        site,
        enterprises={**site.enterprises, PLATFORM: enterprise},
        sources={**site.sources, **sources},
        tags={**site.tags, **_tags(site)},
    )


def _tags(site: Site) -> dict[str, Tag]:
    tags = [_tag(site, PLATFORM, watch.tag, watch.says, watch.priority) for watch in WATCHES]
    for gateway in site.gateways.values():
        tags += _gateway_tags(site, gateway)
    return {f"{tag.enterprise}/{tag.tag}": tag for tag in tags}


def _gateway_tags(site: Site, gateway: Gateway) -> list[Tag]:
    name = f"{gateway.code} {gateway.name}".strip()
    return [
        _tag(
            site, gateway.enterprise, offline_tag(gateway.code), f"网关离线 Gateway offline: {name}", GATEWAY_PRIORITY
        ),
        _tag(
            site,
            gateway.enterprise,
            clock_tag(gateway.code),
            f"网关时钟错误 Gateway clock wrong: {name}",
            GATEWAY_PRIORITY,
        ),
    ]


def _tag(site: Site, enterprise: str, tag: str, says: str, priority: int) -> Tag:
    return Tag(
        enterprise,
        PLATFORM,
        tag,
        "discrete",
        "",
        description=says,
        h=LIMIT,
        priority=priority,
        ack_on_return=True,
        id=site.platform_ids.get(f"{enterprise}/{tag}", 0),
    )
