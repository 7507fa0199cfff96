"""URLs of webhooks: one reading, and no disguise of an address."""

import pytest

from service.webhooks.target import MAX_URL_CHARACTERS, WrongTarget, read_target

REFUSED = {
    "scheme": ("http://example.com/", "ftp://example.com/", "//example.com/", "example.com", "javascript:1", ""),
    "user": ("https://user@example.com/", "https://user:secret@example.com/", "https://example.com@169.254.170.2/"),
    "fragment": ("https://example.com/#end", "https://example.com#@169.254.170.2/"),
    "port": ("https://example.com:80/", "https://example.com:8443/", "https://example.com:0/", "https://example.com:/"),
    "huge port": ("https://example.com:99999/", "https://example.com:443443/"),
    "address": ("https://127.0.0.1/", "https://93.184.216.34/", "https://[::1]/", "https://[2606:4700::1111]/"),
    "decimal": ("https://2130706433/", "https://2852039166/"),
    "octal": ("https://0177.0.0.1/", "https://0251.0376.0251.0376/"),
    "hex": ("https://0x7f000001/", "https://0x7f.0.0.1/", "https://0xa9.0xfe.0xaa.0x2/", "https://127.0.0.0x1/"),
    "short": ("https://127.1/", "https://0/", "https://127.0.1/"),
    "zone": ("https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/"),
    "mapped": ("https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/"),
    "other digits": ("https://\uff11\uff12\uff17.\uff10.0.1/", "https://①②⑦.0.0.1/", "https://127。0。0。1/"),
    "name without a dot": ("https://localhost/", "https://metadata/"),
    "no name": ("https:///", "https://./", "https://example..com/", "https://-a.example.com/", "https://example.com./"),
    "long name": (f"https://{'a' * 64}.com/", "https://" + "a." * 126 + "com/"),
    "two readings": (
        *(
            "https://example.com\\@169.254.170.2/",
            "https://example.com\t/",
            "https://exa\nmple.com/",
            " https://a.com/",
        ),
        *(
            "https://example.com/ x",
            "https://example.com/\r\nhost: a",
            "https://example.com/\x00",
            "https://bücher.de/",
        ),
        *("https://example.com/\n", "https://%31%32%37.0.0.1/"),
    ),
    "length": ("https://example.com/" + "a" * MAX_URL_CHARACTERS,),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_url_that_breaks_a_rule_is_refused(kind: str) -> None:
    """Before anything is resolved; the message says which URLs work, and repeats nothing of this one."""
    for url in REFUSED[kind]:
        with pytest.raises(WrongTarget, match="https://") as refusal:
            read_target(url)
        assert not url or url not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://Hooks.Example.com:443/a/b?c=d&e=%20", "hooks.example.com", "/a/b?c=d&e=%20"),
        ("https://example.com?token=1", "example.com", "/?token=1"),
        ("https://xn--bcher-kva.example/~x", "xn--bcher-kva.example", "/~x"),
        ("https://1password.com/", "1password.com", "/"),
    ],
)
def test_url_of_a_host_is_read(url: str, host: str, path: str) -> None:
    """In lower case, with its query; a name may begin with a digit, if its last part does not."""
    target = read_target(url)
    assert (target.host, target.port, target.path, target.authority) == (host, 443, path, host)
