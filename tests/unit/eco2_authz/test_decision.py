from eco2_authz.decision import ALLOWED, REASONS, Decision, Identity, Reason


def test_the_reasons_are_those_of_the_contract_in_its_order() -> None:
    assert ", ".join(REASONS) == (
        "ok, public, missing_token, malformed, bad_signature, unknown_key, expired, not_yet_valid, bad_claims, "
        "blacklisted, redis_unavailable, keys_unavailable, internal"
    )


def test_only_two_reasons_let_a_request_pass() -> None:
    assert [reason for reason in REASONS if Decision(reason).allowed] == sorted(ALLOWED) == ["ok", "public"]


def test_an_identity_does_not_let_a_request_pass() -> None:
    assert not Decision(Reason.EXPIRED, Identity("user-1", None)).allowed
