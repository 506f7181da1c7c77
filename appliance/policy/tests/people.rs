//! What the fixed policies let people do.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::time::Duration;

use holdfast_policy::{
    Action, Appliance, Channel, Context, ManagePeople, Policy, Portal, Principal, Proof, Publish,
    Resource, SignIn, Site, StepUp, UseAccount, View,
};

const WEB: Context = Context::of(Channel::Web);
const DEVICE: Context = Context::of(Channel::Device);

struct Page(&'static str);

impl Resource for Page {
    const TYPE: &'static str = "Page";

    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }
}

fn person(roles: &[&str]) -> Principal {
    Principal::Person {
        id: "00".into(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
    }
}

/// A visitor, one who has no role, a member, an admin.
fn everybody() -> [Principal; 4] {
    [
        Principal::Visitor,
        person(&[]),
        person(&["member", "visitor"]),
        person(&["admin", "member", "visitor"]),
    ]
}

fn decided<A: Action>(resource: impl Fn() -> A::Resource, context: &Context) -> [bool; 4] {
    let policy = Policy::load().unwrap();
    everybody().map(|who| {
        let first = policy.decide::<A>(&who, resource(), context).is_ok();
        // As it was kept.
        assert_eq!(policy.decide::<A>(&who, resource(), context).is_ok(), first);
        first
    })
}

#[test]
fn folders_for_people_are_seen_by_them_alone() {
    for (path, expected) in [
        ("/index.html", [true; 4]),
        ("/signed-in/a.html", [false, true, true, true]),
        ("/signed-in/deep/er/a.html", [false, true, true, true]),
        ("/members/index.html", [false, false, true, true]),
        ("/members/img/a.png", [false, false, true, true]),
        ("/admins/a.html", [false, false, false, true]),
        // Folders of the same name elsewhere, and names that begin alike, are for everybody.
        ("/members.html", [true; 4]),
        ("/membership/a.html", [true; 4]),
        ("/a/members/b.html", [true; 4]),
        ("/Members/a.html", [true; 4]),
    ] {
        assert_eq!(
            decided::<View<Page>>(|| Page(path), &WEB),
            expected,
            "{path}"
        );
        assert_eq!(
            decided::<View<Page>>(|| Page(path), &DEVICE),
            [false; 4],
            "{path}"
        );
    }
}

#[test]
fn one_uses_ones_own_account_and_admins_manage_people() {
    assert_eq!(decided::<SignIn>(|| Portal, &WEB), [true; 4]);
    assert_eq!(
        decided::<UseAccount>(|| Portal, &WEB),
        [false, true, true, true]
    );
    let manage = decided::<ManagePeople<Portal>>(|| Portal, &WEB);
    assert_eq!(manage, [false, false, false, true]);
    // Nothing of it by the device protocol, and nothing of the machine by the portal, not even for an admin.
    assert_eq!(decided::<SignIn>(|| Portal, &DEVICE), [false; 4]);
    assert_eq!(decided::<UseAccount>(|| Portal, &DEVICE), [false; 4]);
    assert_eq!(
        decided::<ManagePeople<Portal>>(|| Portal, &DEVICE),
        [false; 4]
    );
    assert_eq!(decided::<ManagePeople>(|| Appliance, &WEB), [false; 4]);
    assert_eq!(decided::<Publish>(|| Site, &WEB), [false; 4]);
}

#[test]
fn devices_manage_people_by_their_protocol_alone() {
    let policy = Policy::load().unwrap();
    for (enrolled, context, expected) in [
        (true, DEVICE, true),
        (false, DEVICE, false),
        (true, WEB, false),
    ] {
        let device = Principal::Device {
            fingerprint: "SHA256:x".to_owned(),
            enrolled,
        };
        let decision = policy.decide::<ManagePeople>(&device, Appliance, &context);
        assert_eq!(decision.is_ok(), expected);
    }
}

#[test]
fn a_persons_number_that_is_a_roles_name_gives_nothing() {
    let policy = Policy::load().unwrap();
    let named = Principal::Person {
        id: "admin".into(),
        roles: std::sync::Arc::from([]),
    };
    assert!(
        policy
            .decide::<ManagePeople<Portal>>(&named, Portal, &WEB)
            .is_err()
    );
    assert!(
        policy
            .decide::<View<Page>>(&named, Page("/admins/a"), &WEB)
            .is_err()
    );
}

/// By these methods, so many seconds ago.
fn proven(methods: &'static [&'static str], seconds: u64) -> Context {
    Context {
        proof: Proof::new(methods, Duration::from_secs(seconds)),
        ..WEB
    }
}

#[test]
fn a_page_can_ask_for_a_fresh_proof_and_a_refusal_says_which_would_do() {
    let policy = Policy::load().unwrap();
    let step = |totp, max_age| Some(StepUp { totp, max_age });
    let passkey: &[_] = &["passkey"];
    let both: &[_] = &["passkey", "totp"];
    let (member, stranger) = (person(&["member"]), person(&["visitor"]));
    for (path, who, context, permitted, would_do) in [
        ("/members/a", &member, proven(passkey, 90_000), true, None),
        (
            "/members/fresh/a",
            &member,
            proven(passkey, 299),
            true,
            None,
        ),
        (
            "/members/fresh/a",
            &member,
            proven(passkey, 301),
            false,
            step(false, 300),
        ),
        ("/members/fresh/a", &member, WEB, false, step(false, 300)),
        (
            "/members/second-factor/a",
            &member,
            proven(passkey, 0),
            false,
            step(true, 3600),
        ),
        (
            "/members/second-factor/a",
            &member,
            proven(both, 3590),
            true,
            None,
        ),
        (
            "/members/second-factor/a",
            &member,
            proven(both, 3601),
            false,
            step(true, 3600),
        ),
        // No proof helps who is no member, nor who is not signed in.
        (
            "/members/fresh/a",
            &stranger,
            proven(passkey, 400),
            false,
            None,
        ),
        (
            "/members/second-factor/a",
            &stranger,
            proven(both, 0),
            false,
            None,
        ),
        ("/members/fresh/a", &Principal::Visitor, WEB, false, None),
        (
            "/members/freshly/a",
            &member,
            proven(passkey, 90_000),
            true,
            None,
        ),
    ] {
        let decision = policy.decide::<View<Page>>(who, Page(path), &context);
        assert_eq!(decision.is_ok(), permitted, "{path} {context:?}");
        let told = decision.err().and_then(|denied| denied.step_up());
        assert_eq!(told, would_do, "{path} {context:?}");
        if let Some(step) = told {
            let methods = if step.totp { both } else { passkey };
            let after = proven(methods, step.max_age.into());
            assert!(after.proof.meets(&step) && !context.proof.meets(&step));
            assert!(policy.decide::<View<Page>>(who, Page(path), &after).is_ok());
        }
    }
}

#[test]
fn an_age_is_never_told_as_younger_than_it_is() {
    for millis in (0..5_000_000)
        .step_by(777)
        .chain([86_400_000, 86_400_001, u64::MAX])
    {
        let age = Proof::new(&[], Duration::from_millis(millis)).age();
        assert!(
            u64::from(age) * 1000 >= millis.min(1_000_000_000),
            "{millis}: {age}"
        );
    }
}
