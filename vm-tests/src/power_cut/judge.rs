//! Whether the disk of a cut holds the promise, without booting it.

use super::{
    Cut, Host, Kind, Shown,
    recording::{Recorded, keep, ready},
};
use crate::{
    Console, Device, ext4,
    gpt::{self, BEING_MADE, DATA_TYPE, Partition, SET_UP},
    limit, site,
};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How much of a partition set-up looks at to call it blank, in bytes.
const LOOKED_AT: u64 = 128 << 10;

/// How a verdict begins on a disk whose superblock is half old, half new: ext4 wants it in two sectors at once. The machine refuses to
/// mount it, and e2fsck repairs it from a copy.
pub const TORN: &str = "the superblock is torn";

impl Recorded {
    /// Judges the disk of a cut: the partition table is whole in one copy at least; a partition that is not set up is one that
    /// the next boot sets up; of one that is, the file system is consistent once its journal has been replayed, and the program
    /// opens the store in it, shows what was answered, and takes a new version. Says what the disk holds.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn judge(&mut self, cut: &Cut, device: &Device) -> Result<String, String> {
        self.medium.become_cut(&self.log, cut)?;
        let (least, _) = self.steps.expected(cut);
        let lost = |what: &str| match least {
            0 => Ok(what.to_owned()),
            _ => Err(format!(
                "LOST: {what}, and {least} operations were answered"
            )),
        };
        let Some(data) = self.data_partition()? else {
            return lost("no data partition");
        };
        if data.attributes & SET_UP == 0 {
            let head = self
                .medium
                .read(data.range.start..data.range.start + LOOKED_AT);
            begins_again(&head, &data)?;
            return lost("a data partition that is not set up");
        }
        let (image, data_folder) = (self.folder.join("data.img"), self.folder.join("data"));
        self.medium.extract(data.range.clone(), &image);
        let torn = cut.kind == Kind::Torn && ext4::superblock_is_torn(&image);
        let recovered = match torn {
            true => ext4::recover_by_backup(&image),
            false => ext4::recover(&image),
        };
        let result = recovered.and_then(|()| {
            let _ = fs::remove_dir_all(&data_folder);
            fs::create_dir_all(&data_folder).map_err(|error| error.to_string())?;
            // The key file is there before the store.
            ext4::take(&image, "/store.keys", &data_folder.join("store.keys"))?;
            if !ext4::take(&image, "/store.redb", &data_folder.join("store.redb"))? {
                return lost("a file system without store");
            }
            let host = Host::start(&self.folder, self.spec.port)?;
            let count = self.holds(cut, &host.console, device)?;
            let of = self.steps.list.len();
            Ok(match torn {
                true => format!("{TORN}, {count} of {of} operations once a person has repaired it"),
                false => format!("{count} of {of} operations"),
            })
        });
        if result.is_err() {
            keep(&image);
        }
        result
    }

    /// The data partition by the first copy of the table that is whole.
    fn data_partition(&self) -> Result<Option<Partition>, String> {
        let size = self.medium.size();
        let copies = gpt::copies(size, |range| self.medium.read(range));
        let mut table = copies
            .into_iter()
            .flatten()
            .next()
            .ok_or("neither copy of the partition table is whole")?;
        let data = table.iter().position(|entry| entry.kind == DATA_TYPE);
        let data = data.map(|place| table.remove(place));
        let image: Vec<_> = self
            .before
            .iter()
            .filter(|entry| entry.kind != DATA_TYPE)
            .collect();
        if table.iter().collect::<Vec<_>>() != image {
            return Err(format!("the image's partitions changed: {table:?}"));
        }
        Ok(data)
    }

    /// How many operations a machine or program with the data of this cut holds.
    pub(super) fn holds(
        &self,
        cut: &Cut,
        console: &Console,
        device: &Device,
    ) -> Result<usize, String> {
        let told = catch_unwind(AssertUnwindSafe(|| {
            let shown = shown(console, device);
            let count = self.steps.judge(cut, &shown)?;
            let Some(pages) = shown.live().and_then(|live| self.steps.pages.get(&live)) else {
                return Ok(count);
            };
            if !ready(console) {
                return Err(format!(
                    "a site is live and it is not ready:\n{}",
                    console.tail(20)
                ));
            }
            site::served(console, self.spec.port, pages, limit(2))?;
            // What is not live is whole as well.
            for (version, pages) in &self.steps.pages {
                let listed = shown.versions.as_array().into_iter().flatten();
                if shown.live() != Some(*version)
                    && listed.clone().any(|one| one["version"] == *version)
                {
                    device.run(&["site", "activate", &version.to_string()], "");
                    site::served(console, self.spec.port, pages, limit(2))
                        .map_err(|what| format!("version {version}: {what}"))?;
                }
            }
            // What was kept can be built upon.
            let next = self.folder.join("next");
            fs::create_dir_all(&next).map_err(|error| error.to_string())?;
            let page = format!("<!doctype html><title>next</title><p>{:x}", cut.seed);
            fs::write(next.join("index.html"), page).map_err(|error| error.to_string())?;
            device.push(&next);
            Ok(count)
        }));
        told.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(format!(
                "{}\n{}",
                text.unwrap_or_default(),
                console.tail(20)
            ))
        })
    }
}

/// What a machine or program shows to an enrolled device; nothing where no device is enrolled.
///
/// # Panics
/// When it does not answer.
pub(super) fn shown(console: &Console, device: &Device) -> Shown {
    if console.wait_field("devices", &[], limit(60)) == "0" {
        return Shown::default();
    }
    Shown {
        devices: device.json(&["device", "list"]),
        versions: device.json(&["site", "versions"]),
    }
}

/// Set-up begins again where the partition is blank or holds the file system that it made and never mounted, and, where the entry
/// says that it is being made, over anything but a file system that was mounted.
fn begins_again(head: &[u8], entry: &Partition) -> Result<(), String> {
    let super_block = &head[1024..2048];
    let uuid: String = super_block[0x68..0x78]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let ours = super_block[0x38..0x3a] == [0x53, 0xef]
        && uuid == entry.id.replace('-', "")
        && super_block[0x78..0x88].starts_with(b"holdfast-data\0");
    let used = super_block[0x2c..0x30] != [0; 4] || super_block[0x34..0x36] != [0; 2];
    let blank = head.iter().all(|byte| *byte == 0);
    let foreign_but_made = !ours && entry.attributes & BEING_MADE != 0;
    if blank || (ours && !used) || foreign_but_made {
        return Ok(());
    }
    let first = head.iter().position(|byte| *byte != 0);
    Err(format!(
        "REFUSED: the partition is not set up and neither blank nor a fresh file system of its own; its first byte that is not zero is {first:?}"
    ))
}
