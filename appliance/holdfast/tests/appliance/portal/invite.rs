//! Invites.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Batch, Record, Store, Table};
use serde::{Deserialize, Serialize};

use crate::appliance::Appliance;

/// An invite as `holdfast-identity` stores it.
#[derive(Serialize, Deserialize)]
struct Invite {
    id: [u8; 8],
    roles: Vec<String>,
    made: i64,
    ends: i64,
}

impl Record for Invite {
    const TABLE: Table = Table::hashed("invites");
    const VERSION: u16 = 1;
}

/// Puts an invite for each role into the store, while the appliance is stopped; tells the codes as people get them.
pub fn make(appliance: &mut Appliance, roles: &[&str]) -> Vec<String> {
    if roles.is_empty() {
        return Vec::new();
    }
    appliance.stop();
    let key = std::fs::read_to_string(appliance.path("secrets/holdfast.root-key")).unwrap();
    let ring = KeyRing::new(RootKey::parse(&key).unwrap(), Suite::Aes256Gcm);
    let store = Store::open(appliance.path("data/store.redb"), ring).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let mut batch = Batch::new();
    let mut codes = Vec::new();
    for role in roles {
        let (stored, shown) = code();
        let mut id = [0; 8];
        getrandom::fill(&mut id).unwrap();
        let invite = Invite {
            id,
            roles: vec![(*role).to_owned()],
            made: now,
            ends: now + 3_600_000,
        };
        batch.put(stored.as_bytes(), &invite).unwrap();
        codes.push(shown);
    }
    store.commit_blocking(batch).unwrap();
    drop(store);
    appliance.boot_again();
    codes
}

/// A code as it is stored, and with the check symbol (Crockford's base32).
fn code() -> (String, String) {
    const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
    let mut bytes = [0; 26];
    getrandom::fill(&mut bytes).unwrap();
    let values = bytes.map(|byte| usize::from(byte & 31));
    let text: String = values
        .map(|value| char::from(ALPHABET[value]))
        .iter()
        .collect();
    let check = values.iter().fold(0, |sum, value| (sum * 32 + value) % 37);
    let shown = format!("{text}{}", char::from(ALPHABET[check]));
    (text, shown)
}
