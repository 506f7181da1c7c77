//! What admins do, in a real browser. As the tests of `browser.rs`, and run as they are.

use super::browser::{Seat, appliance, key_of};

#[test]
#[ignore = "needs a browser: see the head of browser.rs"]
fn an_admin_governs_with_scripts_off() {
    let (appliance, invites) = appliance("");
    let key = key_of(&appliance);
    let mut bob = Seat::new(&appliance, &key).with_authenticator();
    bob.join(&invites[1], "Bob");
    let mut ada = Seat::new(&appliance, &key).with_authenticator();
    ada.join(&invites[0], "Ada");
    // From here on without scripts: pages of who governs need none.
    let off = serde_json::json!({ "value": true });
    ada.browser
        .call("Emulation.setScriptExecutionDisabled", &off);
    ada.at_portal("/admin");
    assert!(ada.text().contains("Bob"), "{}", ada.text());
    ada.shoot("people");
    ada.press("form[action='/admin/invite'] button.go");
    assert!(
        ada.text().contains("It is good for 3 days"),
        "{}",
        ada.text()
    );
    ada.shoot("invited");
    ada.at_portal("/admin");
    assert!(ada.text().contains("Withdraw"));
    ada.type_into("#life", "9");
    ada.press("form[action='/admin/invite'] button.go");
    assert!(
        ada.text().contains("Choose a life between"),
        "{}",
        ada.text()
    );
    ada.shoot("people-wrong");

    // Bob is out at once.
    ada.at_portal("/admin");
    ada.press("tbody tr:nth-child(2) a");
    ada.shoot("person");
    ada.press("form[action='/admin/person/enabled'] button");
    assert!(ada.text().contains("is out"), "{}", ada.text());
    ada.shoot("person-disabled");
    bob.at_portal("/account");
    bob.wait_for("/sign-in");

    ada.at_portal("/admin/roles?name=member");
    ada.shoot("roles");
    ada.at_portal("/admin/machine");
    ada.shoot("machine");
    assert!(ada.violations().is_empty(), "{:?}", ada.violations());
    assert!(!appliance.log().contains("csp-violation"));
}
