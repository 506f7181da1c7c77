//! Folders of the site that are not for everybody.

use super::client::{Client, GOES};
use crate::web::Answer;

/// What a page says that nobody may read who is not to.
const SECRETS: [&str; 5] = [
    "for the signed-in",
    "for members",
    "list of members",
    "for admins",
    "secret",
];

fn tells_nothing(answer: &Answer, asked: &str) {
    let all = format!("{}{}", answer.head, answer.text());
    for secret in SECRETS {
        assert!(!all.contains(secret), "{asked}: {all}");
    }
    for field in ["etag", "last-modified", "accept-ranges", "content-range"] {
        assert_eq!(answer.header(field), None, "{asked} {field}");
    }
    let cache = answer.header("cache-control").unwrap_or_default();
    assert!(cache.contains("no-store"), "{asked}: {}", answer.head);
}

#[test]
fn visitors_are_led_through_the_sign_in_and_see_nothing_of_protected_folders() {
    let (appliance, _) = super::appliance(&[]);
    let mut client = Client::new(&appliance);
    for path in [
        "/signed-in/",
        "/members/",
        "/members/list",
        "/members/list.html",
        "/members/data.json",
        "/admins/",
        "/admins/index.html",
        "/members",
        "/%6dembers/",
        "/members/list?a=b",
        // Whether there is such a page is not told either.
        "/members/no-such-page",
        "/admins/no/such/page.html",
    ] {
        let url = client.site(path);
        let answer = client.send("GET", &url, GOES, b"");
        assert_eq!(answer.status, 303, "{path}");
        let to = answer.header("location").unwrap();
        assert!(
            to.starts_with("/.holdfast/sign-in?next=%2F"),
            "{path}: {to}"
        );
        tells_nothing(&answer, path);
        for (method, fields) in [
            ("GET", ""),
            ("HEAD", ""),
            ("HEAD", GOES),
            ("GET", "Range: bytes=0-9\r\n"),
            ("GET", "Range: bytes=0-1,4-5\r\n"),
            ("GET", "If-None-Match: *\r\n"),
            ("GET", "If-None-Match: \"x\"\r\n"),
            ("GET", "If-Match: \"x\"\r\n"),
            (
                "GET",
                "If-Modified-Since: Mon, 23 Nov 2037 00:00:00 GMT\r\n",
            ),
            ("GET", "If-Range: \"x\"\r\nRange: bytes=0-9\r\n"),
            ("GET", "Accept-Encoding: identity;q=0\r\n"),
            (
                "GET",
                "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\nAccept: text/html\r\n",
            ),
            (
                "GET",
                "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n",
            ),
            ("GET", "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"),
        ] {
            let answer = client.send(method, &url, fields, b"");
            assert_eq!(answer.status, 401, "{method} {path} {fields}");
            assert!(answer.header("www-authenticate").is_some());
            tells_nothing(&answer, path);
        }
    }
    // The rest is for everybody, and stays cacheable.
    let page = appliance.get("/");
    assert_eq!(
        (page.status, page.header("cache-control")),
        (200, Some("no-cache"))
    );
    // A session that nobody has is none.
    client.set_cookie("localhost", "__Host-holdfast-site", &"A".repeat(43));
    let url = client.site("/members/");
    assert_eq!(client.go(&url).status, 303);
}
