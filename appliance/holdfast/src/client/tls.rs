//! `holdfast tls …`: the web certificate.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use holdfast_server::protocol::{CertificateAnswer, CertificateRequest, CertificateSource, Secret};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::text::{date, plain};
use crate::Failure;
use crate::cli::{ClientArgs, TlsCommand, TlsInstallArgs};

const ROUTE: &str = "/v1/certificate";
/// Longest file that is read.
const MOST: u64 = 64 * 1024;
/// From so many seconds before its end on, a certificate that the machine does not renew by itself is worth a word.
const SOON: i64 = 30 * 86_400;

/// Installs, shows or removes it.
pub fn run(command: &TlsCommand) -> Result<(), Failure> {
    match command {
        TlsCommand::Install(args) => install(args),
        TlsCommand::Show(args) => {
            let answer = super::block_on(async { super::connect(args).await?.get(ROUTE).await })?;
            tell(args, "", &answer)
        }
        TlsCommand::Remove(args) => {
            let answer =
                super::block_on(async { super::connect(args).await?.delete(ROUTE).await })?;
            tell(
                args,
                "Removed. Browsers get this one from now on:\n",
                &answer,
            )
        }
    }
}

fn install(args: &TlsInstallArgs) -> Result<(), Failure> {
    let request = CertificateRequest {
        chain: read(&args.chain)?.to_string(),
        key: Secret::from(read(&args.key)?.to_string()),
    };
    let answer = super::block_on(async {
        let mut connection = super::connect(&args.client).await?;
        connection.put(ROUTE, &request).await
    })?;
    tell(
        &args.client,
        "Installed. Browsers get this one from now on:\n",
        &answer,
    )
}

fn tell(args: &ClientArgs, before: &str, answer: &CertificateAnswer) -> Result<(), Failure> {
    if args.json {
        println!("{}", serde_json::to_string(answer)?);
        return Ok(());
    }
    println!("{before}certificate  {}", plain(&answer.fingerprint));
    let now = OffsetDateTime::now_utc().unix_timestamp();
    println!("             {}", dates(answer, now));
    Ok(())
}

/// Where it comes from and when it is good, as seen at `now`.
pub fn dates(certificate: &CertificateAnswer, now: i64) -> String {
    let source = match certificate.source {
        CertificateSource::Installed => "installed",
        CertificateSource::Given => "from the configuration",
        CertificateSource::SelfMade => "self-made",
    };
    let warning = if now > certificate.not_after {
        ", EXPIRED: install another one (`holdfast tls install`)"
    } else if now < certificate.not_before {
        ", NOT IN FORCE YET: check the machine's clock"
    } else if now > certificate.not_after.saturating_sub(SOON) {
        ", ends soon: install another one (`holdfast tls install`)"
    } else {
        ""
    };
    format!(
        "{source}, good from {} to {}{warning}",
        date(certificate.not_before),
        date(certificate.not_after)
    )
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(MOST).read_to_string(&mut text))
        .map_err(|error| {
            format!(
                "cannot read {}: {error}; name a file in PEM",
                path.display()
            )
        })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_ends_is_told_in_time() {
        let certificate = CertificateAnswer {
            fingerprint: String::new(),
            source: CertificateSource::Installed,
            not_before: 0,
            not_after: SOON * 3,
        };
        let good = "installed, good from 1970-01-01T00:00:00Z to 1970-04-01T00:00:00Z";
        assert_eq!(dates(&certificate, SOON), good);
        assert!(dates(&certificate, SOON * 2 + 1).contains("ends soon"));
        assert!(dates(&certificate, SOON * 3 + 1).contains("EXPIRED"));
        assert!(dates(&certificate, -1).contains("NOT IN FORCE"));
    }
}
