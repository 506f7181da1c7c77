//! What the firmware says of itself, from its variables (kernel documentation, `filesystems/efivarfs`).

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use holdfast_server::machine::SecureBoot;

/// Where the kernel shows what UEFI firmware left. It is there on every machine that such firmware started.
pub const EFI: &str = "/sys/firmware/efi";
/// The vendor GUID of the variables that the standard defines (UEFI 2.10, section 3.3).
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// A variable's attributes stand before its content.
const ATTRIBUTES: usize = 4;

/// Whether the firmware checked signatures when this boot began. `efi` is [`EFI`].
///
/// The firmware says it, and what it started may have changed what is said: it shows a switch that somebody forgot, and
/// proves nothing to whom the machine is foreign.
#[must_use]
pub fn secure_boot(efi: &Path) -> SecureBoot {
    if matches!(efi.try_exists(), Ok(false)) {
        return SecureBoot::NoEfi;
    }
    let variables = efi.join("efivars");
    let flag = |name| flag(&variables.join(format!("{name}-{GLOBAL}")));
    match (flag("SecureBoot"), flag("SetupMode")) {
        (Flag::Set, Flag::Clear) => SecureBoot::On,
        // Firmware without the feature has neither of the two.
        (Flag::Clear, Flag::Clear) => SecureBoot::Off,
        (Flag::Absent, Flag::Absent) if any(&variables) => SecureBoot::Off,
        (Flag::Clear, Flag::Set) => SecureBoot::SetupMode,
        // Among them the contradiction of signatures that are checked by keys that anybody may change.
        _ => SecureBoot::Unknown,
    }
}

/// Whether the kernel shows variables at all.
fn any(variables: &Path) -> bool {
    fs::read_dir(variables).is_ok_and(|mut entries| entries.next().is_some())
}

/// A variable of one byte, 0 or 1 (UEFI 2.10, section 3.3, table "Global Variables").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Set,
    Clear,
    Absent,
    Strange,
}

fn flag(path: &Path) -> Flag {
    let mut content = [0; ATTRIBUTES + 2];
    // One read: the kernel asks the firmware anew at each.
    let read = File::open(path).and_then(|mut file| file.read(&mut content));
    match read.map(|length| content.get(ATTRIBUTES..length)) {
        Ok(Some([1])) => Flag::Set,
        Ok(Some([0])) => Flag::Clear,
        Err(error) if error.kind() == ErrorKind::NotFound => Flag::Absent,
        _ => Flag::Strange,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    /// A folder as the kernel shows it, with these variables.
    fn found(variables: &[(&str, &[u8])]) -> SecureBoot {
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().join("efivars");
        fs::create_dir(&shown).unwrap();
        for (name, content) in variables {
            fs::write(shown.join(format!("{name}-{GLOBAL}")), content).unwrap();
        }
        secure_boot(folder.path())
    }

    #[test]
    fn firmware_variables_tell_the_state_and_only_both_tell_that_it_is_on() {
        const SET: &[u8] = &[6, 0, 0, 0, 1];
        const CLEAR: &[u8] = &[6, 0, 0, 0, 0];
        let both = |secure, setup| found(&[("SecureBoot", secure), ("SetupMode", setup)]);
        assert_eq!(both(SET, CLEAR), SecureBoot::On);
        assert_eq!(both(CLEAR, CLEAR), SecureBoot::Off);
        assert_eq!(both(CLEAR, SET), SecureBoot::SetupMode);
        assert_eq!(found(&[("BootOrder-x", CLEAR)]), SecureBoot::Off);
        assert_eq!(found(&[]), SecureBoot::Unknown);
        assert_eq!(both(SET, SET), SecureBoot::Unknown);
        assert_eq!(found(&[("SecureBoot", SET)]), SecureBoot::Unknown);
        for strange in [
            &[6, 0, 0, 0, 2][..],
            &[6, 0, 0, 0, 1, 0],
            &[6, 0, 0, 0],
            &[],
        ] {
            assert_eq!(both(strange, CLEAR), SecureBoot::Unknown, "{strange:?}");
        }
        // A folder in its place cannot be read.
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(format!("efivars/{name}-{GLOBAL}"));
        fs::create_dir_all(name("SecureBoot")).unwrap();
        fs::write(name("SetupMode"), CLEAR).unwrap();
        assert_eq!(secure_boot(folder.path()), SecureBoot::Unknown);
    }

    #[test]
    fn a_machine_without_efi_has_no_secure_boot() {
        let folder = tempfile::tempdir().unwrap();
        let none = folder.path().join("efi");
        assert_eq!(secure_boot(&none), SecureBoot::NoEfi);
        // EFI whose variables are not shown.
        fs::create_dir(&none).unwrap();
        assert_eq!(secure_boot(&none), SecureBoot::Unknown);
    }
}
