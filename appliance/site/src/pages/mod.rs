//! The pages that Holdfast shows of itself: status, errors, and the one before a site was pushed.
//!
//! They need no third-party byte, and no script but for the passkey gesture ([`SCRIPT`]). Their one style sheet has an address of its own ([`style_path`]), and their
//! Content-Security-Policy lets it in by a nonce.

mod account;
mod admin;
mod browser;
mod layout;
mod notice;
mod shell;
mod sign_in;
mod status;

pub use account::{Account, Generator, PasskeyRow, SessionRow, account, codes, totp};
pub use admin::{
    Choice, DeviceRow, InviteForm, InviteRow, People, PersonPage, PersonRow, RoleForm, RoleRow,
    VersionRow, invited, machine, people, person, roles,
};
pub use browser::browser_name;
pub use layout::{Frame, SCRIPT, STYLE, script_path, style_path};
pub use notice::{Notice, error, welcome};
pub use shell::{Shell, Told};
pub use sign_in::{join, password, recover, second_factor, sign_in, step_up};
pub use status::{Status, status};
