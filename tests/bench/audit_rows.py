"""Audit records that look like real ones, Chinese and English, of a seed: months of them at once."""

import datetime
import io
import random
import subprocess

import postgres

BYTES_EACH = 1300  # on disk, indexes and what comes and goes included
DAYS = 28
LAST_MS = int(datetime.datetime.now().timestamp() * 1000)
FIRST_MS = LAST_MS - DAYS * 86400_000
EACH = 50_000  # rows at a time

NAMESPACES = [f"plant-{i:02}" for i in range(1, 40)] + ["登录", "权限", "设备", "报警"]
SEVERITIES = ["debug"] + ["info"] * 12 + ["notice"] * 5 + ["warning"] * 3 + ["error", "critical"]
PEOPLE = [a + b for a in "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
          for b in ("伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟",
                    "涛", "明", "超", "秀英", "霞", "平", "建国", "志强", "海燕", "晓东", "文博")]
DEVICES = ["冷却塔", "循环水泵", "空压机", "锅炉", "汽轮机", "变压器", "配电柜", "阀门", "流量计",
           "温度传感器", "压力变送器", "输送带", "机械臂", "摄像头", "网关", "交换机", "服务器", "机柜"]
VERBS = ["登录了", "退出了", "删除了", "修改了", "新建了", "导出了", "审批了", "驳回了", "重启了", "停用了",
         "启用了", "备份了", "恢复了", "查看了", "下载了", "上传了", "分配了", "撤销了"]
THINGS = ["报警记录", "巡检任务", "用户权限", "角色配置", "系统参数", "历史数据", "工单", "报表", "固件",
          "证书", "数据字典", "接口密钥", "班次计划", "联锁逻辑", "阈值", "点位表", "网络策略", "日志文件"]
REASONS = ["，操作成功", "，操作失败：权限不足", "，操作失败：连接超时", "，已通知值班人员", "，等待复核", "",
           "", ", request timed out after %d ms", ", %d rows affected", ", HTTP status %d",
           "，耗时 %d 毫秒", "，第 %d 次重试"]
ENGLISH = ["user %s logged in from %s", "failed login for user %s from %s",
           "session of %s closed by %s", "%s changed the password of %s", "api key of %s used by %s",
           "configuration reloaded by %s on %s", "firmware of %s rejected on %s"]
# Of each about as many records whatever their number: what is rare stays rare.
RARE = [a + b for a, b in zip("鲲鹏蜻蜓琥珀麒麟翡翠珊瑚玳瑁榴莲枇杷蘑菇"[::2],
                              "鲲鹏蜻蜓琥珀麒麟翡翠珊瑚玳瑁榴莲枇杷蘑菇"[1::2])]
RARE_EACH = 30


def target(chosen):
    return f"{chosen.choice(DEVICES)}-{chosen.randrange(1, 2000):04}"


def content(chosen, who, what):
    if chosen.random() < 0.25:
        return chosen.choice(ENGLISH) % (f"user{chosen.randrange(5000)}",
                                         f"10.{chosen.randrange(256)}.{chosen.randrange(256)}.7")
    reason = chosen.choice(REASONS)
    if "%d" in reason:
        reason = reason % chosen.randrange(30000)
    return f"{who}{chosen.choice(VERBS)} {what} 的{chosen.choice(THINGS)}{reason}"


def line(chosen, position, ms, rare):
    who, what = chosen.choice(PEOPLE), target(chosen)
    text = content(chosen, who, what) + (f"，代号{rare}" if rare else "")
    when = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return "\t".join((
        when.isoformat(timespec="milliseconds"), str(position), str(position - position % 100),
        f"{ms:012x}"[:8] + "-" + f"{ms:012x}"[8:12] + f"-7{chosen.randrange(4096):03x}-8"
        f"{chosen.randrange(4096):03x}-{chosen.getrandbits(48):012x}",
        r"\N", str(chosen.randrange(1, 12)), "0" if chosen.random() < 0.94 else "1",
        chosen.choice(SEVERITIES), chosen.choice(NAMESPACES), f"scada-{chosen.randrange(1, 60):02}",
        text, what, who, f"app-{chosen.randrange(1, 30)}", r"\N",
        f"10.0.{chosen.randrange(256)}.{chosen.randrange(256)}:{chosen.randrange(1024, 65536)}",
        "host-1795298273426", f"{chosen.getrandbits(128):032x}",
        '{"device":{"line":%d},"ms":%d}' % (chosen.randrange(20), chosen.randrange(5000))
        if chosen.random() < 0.3 else r"\N")) + "\n"


def write_rows(copy, rows):
    """Rows by time, evenly over the days, the rare words among them."""
    chosen = random.Random(20261122)
    rare = {chosen.randrange(rows): word for word in RARE for _ in range(RARE_EACH)}
    for begin in range(0, rows, EACH):
        part = io.StringIO()
        for i in range(begin, min(begin + EACH, rows)):
            ms = FIRST_MS + (LAST_MS - FIRST_MS) * i // rows
            part.write(line(chosen, i + 1, ms, rare.get(i)))
        copy.write(part.getvalue().encode())


def fill(url, rows):
    """An indexed log, as it would be after months. As the owner: receipt is not now."""
    postgres.psql(url, "SELECT upkeep.make_month(t::regclass, m::date)"
                       " FROM unnest(ARRAY['audit.record', 'audit.term']) t,"
                       f" generate_series(date_trunc('month', now() - interval '{DAYS + 2} days'),"
                       " now(), interval '1 month') m")
    with subprocess.Popen(
            [postgres.BIN + "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c",
             "COPY audit.record (time, position, batch, id, event_time, opt_type, result_type,"
             " severity, namespace, source_node, content, target, user_name, application, roles,"
             " address, node, trace_id, ext) FROM STDIN"], stdin=subprocess.PIPE) as copy:
        write_rows(copy.stdin, rows)
        copy.stdin.close()
        if copy.wait():
            raise RuntimeError("COPY failed")
    postgres.psql(url, f"SELECT setval('audit.last_position', {rows}),"
                       f" setval('audit.last_time', {LAST_MS})")
    while int(postgres.psql(url, f"SELECT r_indexed FROM audit.index_next({EACH})")[0][0]):
        pass
    postgres.psql(url, "VACUUM ANALYZE audit.record; VACUUM ANALYZE audit.term; CHECKPOINT")
