//! What a partition holds, by its first bytes.

use uuid::Uuid;

use super::super::ext4::{Content, look};

#[test]
fn file_system_is_known_by_label_and_partition() {
    let id = Uuid::from_u128(42);
    let mut bytes = vec![0; 4096];
    assert_eq!(look(&bytes, id), Content::Blank);
    bytes[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
    bytes[1024 + 0x68..1024 + 0x78].copy_from_slice(id.as_bytes());
    bytes[1024 + 0x78..1024 + 0x85].copy_from_slice(b"holdfast-data");
    assert_eq!(look(&bytes, id), Content::Ours { used: false });
    bytes[1024 + 0x2c] = 1;
    assert_eq!(look(&bytes, id), Content::Ours { used: true });
    bytes[1024 + 0x2c] = 0;
    bytes[1024 + 0x34] = 1;
    assert_eq!(look(&bytes, id), Content::Ours { used: true });
    assert_eq!(look(&bytes, Uuid::from_u128(43)), Content::Foreign);
    bytes[1024 + 0x78] = b'x';
    assert_eq!(look(&bytes, id), Content::Foreign);
}
