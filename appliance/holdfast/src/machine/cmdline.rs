//! What the kernel's command line says about the verified root.

/// The root hash in the `dm-mod.create=` of a command line (kernel documentation, "dm-init" and "dm-verity"): the digest is
/// the ninth word after `verity`.
#[must_use]
pub fn root_hash(cmdline: &str) -> Option<String> {
    let (_, table) = cmdline.split_once("dm-mod.create=")?;
    let table = match table.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0,
        None => table,
    };
    let (_, verity) = table.split_once(" verity ")?;
    let digest = verity.split_whitespace().nth(8)?;
    let hexadecimal = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    hexadecimal.then(|| digest.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_hash_is_the_digest_of_the_verity_target() {
        let hash = "ab".repeat(32);
        let line = format!(
            "dm-mod.create=\"vroot,,0,ro,0 40960 verity 1 PARTUUID=a PARTUUID=b 4096 4096 5120 1 sha256 {hash} 00ff\" \
             dm-mod.waitfor=PARTUUID=a root=/dev/dm-0 ro"
        );
        assert_eq!(root_hash(&line), Some(hash));
        assert_eq!(root_hash("root=/dev/vda2 ro"), None);
        assert_eq!(
            root_hash("dm-mod.create=\"vroot,,0,ro,0 8 linear /dev/vda 0\""),
            None
        );
    }
}
