//! What admins see of the machine: devices, and versions of the site.

use holdfast_site::pages;

use super::account::stamp;
use super::{Answer, Call};
use crate::device::{Device, State};

/// Shows them.
pub(super) fn page(call: &Call<'_>) -> Answer {
    let shared = call.shared;
    let mut devices = Vec::new();
    for row in shared.store.snapshot()?.all::<Device>()? {
        let device = row?.1.record;
        devices.push((
            device.enrolled,
            pages::DeviceRow {
                name: device.name,
                pin: device.pin.to_string(),
                enrolled: stamp(device.enrolled),
                active: device.state == State::Active,
            },
        ));
    }
    devices.sort_by_key(|(enrolled, _)| *enrolled);
    let devices: Vec<_> = devices.into_iter().map(|(_, row)| row).collect();
    let live = shared.site.live().map(|live| live.version);
    let versions = shared.site.versions()?.into_iter().rev();
    let versions: Vec<_> = versions
        .map(|(number, version)| pages::VersionRow {
            number,
            created: stamp(version.created.saturating_mul(1000)),
            files: version.pages,
            live: live == Some(number),
        })
        .collect();
    call.page(|shell| pages::machine(shell, &devices, &versions))
}
