//! `holdfast config new` and `holdfast config check`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use holdfast_server::protocol::Method;
use holdfast_server::{Pin, device_certificate};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _};
use zeroize::Zeroizing;

use crate::Failure;
use crate::cli::ConfigNewArgs;
use crate::config::{Config, Credentials, Origin};

/// Makes a configuration with fresh keys in a folder, and says how to hand it to the machine.
pub fn new(args: &ConfigNewArgs) -> Result<(), Failure> {
    let (site, portal) = (
        origin(&args.site, "--site")?,
        origin(&args.portal, "--portal")?,
    );
    let identity = key()?;
    let operator = key()?;
    let mut toml = format!(
        "# Exact names, with the port that browsers see; the machine itself always listens on 443.\n\
         [origin]\nsite = \"{site}\"\nportal = \"{portal}\"\n"
    );
    if !args.console_code {
        let public = BASE64.encode(operator.der_bytes());
        toml.push_str(&format!(
            "\n# Devices are enrolled by this key (operator.key), and no code is shown on the console.\n\
             [operator]\nkey = \"ed25519:{public}\"\n"
        ));
    }
    if args.unlock_on_console {
        toml.push_str(
            "\n# At each start somebody types the passphrase on the serial console; nothing is served before.\n\
             [data]\nunlock = \"console\"\n",
        );
    }
    Config::parse(&toml)?;
    let mut root_key = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *root_key)
        .map_err(|error| format!("the kernel gave no random bytes ({error}); try again"))?;

    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.outdir)
        .map_err(|error| {
            format!(
                "cannot make {}: {error}; choose another folder",
                args.outdir.display()
            )
        })?;
    let root_key = Zeroizing::new(format!("{}\n", HEXLOWER.encode(&*root_key)));
    let identity_pem = Zeroizing::new(identity.serialize_pem());
    let operator_pem = Zeroizing::new(operator.serialize_pem());
    let mut files = vec![("holdfast.toml", toml.as_str())];
    if !args.unlock_on_console {
        files.push(("holdfast.root-key", root_key.as_str()));
    }
    files.push(("holdfast.identity-key", identity_pem.as_str()));
    if !args.console_code {
        files.push(("operator.key", operator_pem.as_str()));
    }
    for (name, _) in &files {
        let path = args.outdir.join(name);
        if path.exists() {
            return Err(format!(
                "{} is there already and is not overwritten; choose another folder, or move it away",
                path.display()
            )
            .into());
        }
    }
    for (name, text) in &files {
        write_new(&args.outdir.join(name), text)?;
    }
    let certificate = device_certificate(&identity)?;
    let pin = Pin::of_certificate(&certificate)
        .ok_or("the identity key cannot be read back; try again")?;
    if args.json {
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        println!(
            "{}",
            serde_json::json!({
                "folder": args.outdir,
                "files": names,
                "site": site.to_string(),
                "portal": portal.to_string(),
                "enrolment": enrolment(!args.console_code),
                "identity": pin,
            })
        );
    } else {
        explain(args, &pin);
    }
    Ok(())
}

fn explain(args: &ConfigNewArgs, pin: &Pin) {
    let dir = args.outdir.display();
    let address = args.site.trim_start_matches("https://");
    println!(
        "\
Made a configuration in {dir}/ for {site}

  holdfast.toml          the configuration; read it, it is short
{root}  holdfast.identity-key  by which your devices recognise the appliance
{operator}
Identity: {pin}

Hand the {files} holdfast.* files to the machine in one of these ways:

  A config disk, on bare metal or any cloud (a small FAT volume with this label):
    umask 077
    truncate -s 4M \"{dir}/config.img\" && mkfs.vfat -n HOLDFASTCFG \"{dir}/config.img\"
    mcopy -i \"{dir}/config.img\" \"{dir}\"/holdfast.* ::

  SMBIOS strings, with QEMU (one per file; pass them in a file, so that no process list shows them):
    umask 077
    for f in \"{dir}\"/holdfast.*; do
      printf 'io.systemd.credential.binary:%s=%s' \"${{f##*/}}\" \"$(base64 -w0 \"$f\")\" > \"{dir}/smbios.${{f##*/}}\"
    done
    qemu-system-x86_64 … -smbios type=11,path=\"{dir}/smbios.holdfast.toml\" -smbios type=11,path=…
{typed}
Then enrol this workstation:
  {enrol}",
        site = args.site,
        root = if args.unlock_on_console {
            ""
        } else {
            "  holdfast.root-key      seals everything stored: KEEP A COPY, without it the data is lost\n"
        },
        files = if args.unlock_on_console {
            "two"
        } else {
            "three"
        },
        typed = if args.unlock_on_console {
            "\nAt its first start the machine asks on its serial console for a new passphrase, and for that one at each start after it.\n"
        } else {
            ""
        },
        operator = if args.console_code {
            String::new()
        } else {
            "  operator.key           enrols devices; stays with you, never goes to the machine\n".to_owned()
        },
        enrol = if args.console_code {
            format!("holdfast enroll --address {address} --identity {pin} --name NAME   # asks for the console's code")
        } else {
            format!("holdfast enroll --address {address} --operator-key {dir}/operator.key --identity {pin} --name NAME")
        },
    );
}

/// Checks a folder of credentials as the appliance would at its start.
pub fn check(dir: &Path, json: bool) -> Result<(), Failure> {
    let credentials = Credentials::read(dir)?;
    let config = &credentials.config;
    if json {
        println!(
            "{}",
            serde_json::json!({
                "site": config.origin.site.to_string(),
                "portal": config.origin.portal.to_string(),
                "enrolment": enrolment(config.operator.is_some()),
                "identity_key": credentials.identity_key.is_some(),
                "web_certificate": credentials.tls.is_some(),
                "data_id": config.data_id.map(|id| id.to_string()),
                "typed_on_the_console": credentials.is_locked(),
            })
        );
        return Ok(());
    }
    println!("The configuration in {} is good.", dir.display());
    println!("  site             {}", config.origin.site);
    println!("  portal           {}", config.origin.portal);
    println!(
        "  enrolment        {}",
        if config.operator.is_some() {
            "by the operator's key"
        } else {
            "by the console's code"
        }
    );
    println!(
        "  identity key     {}",
        if credentials.identity_key.is_some() {
            "given"
        } else {
            "made by the machine and kept"
        }
    );
    println!(
        "  web certificate  {}",
        if credentials.tls.is_some() {
            "given"
        } else {
            "self-made and kept"
        }
    );
    println!(
        "  data is opened   {}",
        if credentials.is_locked() {
            "by what is typed on the console at each start"
        } else {
            "by a credential"
        }
    );
    println!(
        "  data partition   {}",
        config
            .data_id
            .map_or("the first of our type, or a new one".to_owned(), |id| id
                .to_string())
    );
    Ok(())
}

/// The method as the device protocol names it.
fn enrolment(by_operator: bool) -> Method {
    if by_operator {
        Method::OperatorKey
    } else {
        Method::Code
    }
}

fn origin(text: &str, option: &str) -> Result<Origin, Failure> {
    Origin::parse(text)
        .map_err(|(problem, fix)| format!("{option} {text}: {problem}; {fix}").into())
}

fn key() -> Result<KeyPair, Failure> {
    KeyPair::generate_for(&PKCS_ED25519)
        .map_err(|error| format!("cannot make a key ({error}); try again").into())
}

/// Writes a file that must not exist, for its owner alone.
pub fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| {
        format!(
            "cannot write {}: {error}; choose another folder",
            path.display()
        )
        .into()
    })
}
