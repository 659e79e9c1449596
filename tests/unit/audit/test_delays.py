from hubbub.audit.delays import Delays


def test_a_message_is_on_its_way_until_each_client_is_told_and_others_do_not_count() -> None:
    times = iter([10.0, 11.0, 12.5])
    delays = Delays(lambda: next(times))
    delays.said("c1")
    for client_id in ("c1", "nobody's", "c1"):
        delays.came(client_id)
    assert delays.deliveries == [(11.0, 1.0), (12.5, 2.5)]
