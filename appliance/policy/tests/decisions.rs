//! What the fixed policies decide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::borrow::Cow;

use holdfast_policy::{
    Action, Appliance, Channel, Context, Denied, Enrol, Policy, Portal, PortalAsset, Principal,
    Publish, ReadStatus, Reason, Report, Resource, Site, StatusPage, View,
};
use proptest::prelude::*;

const WEB: Context = Context::of(Channel::Web);
const DEVICE: Context = Context::of(Channel::Device);

#[derive(Debug, PartialEq)]
struct Page(String);

impl Resource for Page {
    const TYPE: &'static str = "Page";

    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

fn device(enrolled: bool) -> Principal {
    Principal::Device {
        fingerprint: "SHA256:x".into(),
        enrolled,
    }
}

fn reason<T: std::fmt::Debug>(decision: Result<T, Denied>) -> Reason {
    decision.unwrap_err().reason()
}

#[test]
fn fixed_policies_are_valid_under_their_schema() {
    Policy::load().unwrap();
}

#[test]
fn anyone_views_pages_and_portal_status_on_the_web_only() {
    let policy = Policy::load().unwrap();
    for who in [Principal::Visitor, device(true), device(false)] {
        let page = || Page("/index.html".into());
        let permit = policy.decide::<View<Page>>(&who, page(), &WEB).unwrap();
        assert_eq!(permit.into_resource(), page());
        drop(policy.decide::<StatusPage>(&who, Portal, &WEB).unwrap());
        assert_eq!(
            reason(policy.decide::<View<Page>>(&who, page(), &DEVICE)),
            Reason::NotPermitted
        );
        assert_eq!(
            reason(policy.decide::<StatusPage>(&who, Portal, &DEVICE)),
            Reason::NotPermitted
        );
    }
}

#[test]
fn anyone_reads_the_style_sheet_and_reports_violations_on_the_web_only() {
    let policy = Policy::load().unwrap();
    for who in [Principal::Visitor, device(true), device(false)] {
        drop(policy.decide::<PortalAsset>(&who, Portal, &WEB).unwrap());
        drop(policy.decide::<Report>(&who, Portal, &WEB).unwrap());
        let asset = policy.decide::<PortalAsset>(&who, Portal, &DEVICE);
        assert_eq!(reason(asset), Reason::NotPermitted);
        let report = policy.decide::<Report>(&who, Portal, &DEVICE);
        assert_eq!(reason(report), Reason::NotPermitted);
    }
}

#[test]
fn anyone_may_try_to_enrol_by_the_device_protocol_only() {
    let policy = Policy::load().unwrap();
    for who in [Principal::Visitor, device(true), device(false)] {
        drop(policy.decide::<Enrol>(&who, Appliance, &DEVICE).unwrap());
        assert_eq!(
            reason(policy.decide::<Enrol>(&who, Appliance, &WEB)),
            Reason::NotPermitted
        );
    }
}

#[test]
fn only_enrolled_devices_publish_and_read_status() {
    let policy = Policy::load().unwrap();
    drop(
        policy
            .decide::<Publish>(&device(true), Site, &DEVICE)
            .unwrap(),
    );
    drop(
        policy
            .decide::<ReadStatus>(&device(true), Appliance, &DEVICE)
            .unwrap(),
    );
    let others = [
        (Principal::Visitor, WEB),
        (Principal::Visitor, DEVICE),
        (device(false), WEB),
        (device(false), DEVICE),
        (device(true), WEB),
    ];
    for (who, how) in others {
        let publish = policy.decide::<Publish>(&who, Site, &how);
        assert_eq!(reason(publish), Reason::NotPermitted, "{who:?} {how:?}");
        let status = policy.decide::<ReadStatus>(&who, Appliance, &how);
        assert_eq!(reason(status), Reason::NotPermitted, "{who:?} {how:?}");
    }
}

#[test]
fn unknown_action_or_resource_type_is_denied() {
    struct Reboot;
    impl Action for Reboot {
        type Resource = Appliance;
        const NAME: &'static str = "reboot";
    }
    let policy = Policy::load().unwrap();
    let unknown = policy.decide::<Reboot>(&device(true), Appliance, &DEVICE);
    assert_eq!(reason(unknown), Reason::UnknownRequest);
    let misplaced = policy.decide::<Publish<Appliance>>(&device(true), Appliance, &DEVICE);
    assert_eq!(reason(misplaced), Reason::UnknownRequest);
}

proptest! {
    #[test]
    fn names_are_data_and_change_no_decision(path: String, fingerprint: String, enrolled: bool) {
        let policy = Policy::load().unwrap();
        let who = Principal::Device { fingerprint, enrolled };
        prop_assert!(policy.decide::<View<Page>>(&who, Page(path), &WEB).is_ok());
        prop_assert_eq!(policy.decide::<Publish>(&who, Site, &DEVICE).is_ok(), enrolled);
    }
}
