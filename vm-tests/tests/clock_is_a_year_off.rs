//! A hardware clock that is a year ahead, then a year behind, then right again: everything that was answered is there, and the
//! machine goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, limit,
    site::{Page, assert_served},
};
use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

const YEAR: i64 = 365 * 24 * 3600;

fn page(lab: &Lab, device: &Device, number: usize) -> Page {
    let site = lab.path("site");
    fs::create_dir_all(&site).unwrap();
    let page = format!("<!doctype html><title>{number}</title><p>pushed in boot {number}");
    fs::write(site.join("index.html"), &page).unwrap();
    device.push(&site);
    Page {
        path: "/index.html".into(),
        content: page.into_bytes(),
    }
}

#[test]
fn nothing_is_lost_when_the_clock_is_a_year_off_both_ways_and_back() {
    let lab = Lab::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let configured = lab.configured("machine");
    let mut device = None;
    let mut live: Option<Page> = None;
    let mut told = Vec::new();
    for (boot, off) in [0, YEAR, -YEAR, 0].into_iter().enumerate() {
        // Seconds since 1970, which QEMU takes as a date and time.
        let mut spec = configured.clone();
        spec.arguments
            .extend(["-rtc".into(), format!("base={}", date(now + off))]);
        let mut machine = spec.start();
        let device = device.get_or_insert_with(|| Device::enrol(&lab, &machine));
        if let Some(live) = &live {
            machine.wait_ready();
            assert_served(&machine, std::slice::from_ref(live));
        }
        let pushed = page(&lab, device, boot);
        assert_served(&machine, std::slice::from_ref(&pushed));
        live = Some(pushed);
        let status = device.status();
        let time = status["time"].as_i64().unwrap();
        // Never below what was stored before.
        assert!(
            told.last().is_none_or(|last| time >= *last),
            "{time} after {told:?}"
        );
        told.push(time);
        let versions = device.json(&["site", "versions"]);
        assert_eq!(versions.as_array().unwrap().len(), boot + 1, "{versions}");
        let found = device.json(&["store", "verify"]);
        assert_eq!(found["verification"]["altered"], serde_json::json!([]));
        machine.console.wait_field("devices", &["1"], limit(60));
        machine.power_button();
    }
    assert!(
        (told[0] - now).abs() < 3600,
        "the first boot has the right time: {told:?}"
    );
    assert!(
        (told[1] - now - YEAR).abs() < 3600,
        "the second is a year ahead: {told:?}"
    );
    println!(
        "figure: four boots with the clock right, a year ahead, a year behind, right: all served and took a push"
    );
}

/// `YYYY-MM-DDTHH:MM:SS` in UTC (civil from days, H. Hinnant's algorithm).
fn date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}
