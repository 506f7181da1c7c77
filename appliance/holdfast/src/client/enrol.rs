//! `holdfast enroll`.

use std::io::IsTerminal as _;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use data_encoding::BASE64;
use holdfast_server::Pin;
use holdfast_server::enrolment::code::Code;
use holdfast_server::enrolment::proof::{Role, by_code, by_operator, is_by_code};
use holdfast_server::protocol::{EnrolAnswer, EnrolRequest, Method};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::address::Address;
use super::connect::Connection;
use super::state::State;
use crate::Failure;
use crate::cli::EnrollArgs;

enum Knowledge {
    Code(Code),
    Operator(Ed25519KeyPair),
}

/// Enrols this workstation.
pub fn run(args: EnrollArgs) -> Result<(), Failure> {
    let address = match (&args.address, &args.url) {
        (Some(address), _) => Address::parse(address)?,
        (None, Some(url)) => Address::of_url(url)?,
        (None, None) => return Err("say where the appliance answers by --address or --url".into()),
    };
    let identity: Option<Pin> = args.identity.as_deref().map(str::parse).transpose()?;
    let state = State::open(args.state.as_deref())?;
    let knowledge = match &args.operator_key {
        // Without it anyone in between could take the appliance's place: the operator's proof names no secret of it.
        Some(_) if identity.is_none() => {
            return Err("enrolment by the operator's key needs --identity SHA256:…, as `holdfast config new` printed it".into());
        }
        Some(file) => Knowledge::Operator(operator_key(file)?),
        None => Knowledge::Code(code(args.code.map(Zeroizing::new))?),
    };
    let key = state.key()?;
    let (device, identity) = super::block_on(async {
        let mut connection = Connection::open(&address, &key, identity).await?;
        let device = enrol(&mut connection, &knowledge, args.name).await?;
        Ok((device, connection.binding.server))
    })?;
    state.remember(&address, identity)?;
    if args.json {
        println!(
            "{}",
            serde_json::json!({ "device": device, "identity": identity, "address": address.to_string() })
        );
    } else {
        println!("This workstation is now a device of {address}.");
        println!("  device    {device}");
        println!("  identity  {identity}  (pinned from now on)");
        println!("Next: holdfast site push DIR");
    }
    Ok(())
}

async fn enrol(
    connection: &mut Connection,
    knowledge: &Knowledge,
    name: String,
) -> Result<Pin, Failure> {
    let binding = connection.binding.clone();
    let (method, proof) = match knowledge {
        Knowledge::Code(code) => (Method::Code, by_code(code, Role::Client, &binding)),
        Knowledge::Operator(key) => (Method::OperatorKey, by_operator(key, &binding)),
    };
    let request = EnrolRequest {
        method,
        proof: BASE64.encode(&proof),
        name,
    };
    let answer: EnrolAnswer = connection.post("/v1/enroll", &request).await?;
    if let Knowledge::Code(code) = knowledge {
        let proof = BASE64.decode(answer.proof.as_bytes()).unwrap_or_default();
        if !is_by_code(code, Role::Server, &binding, &proof) {
            return Err(
                "what answered there does not know the code: it is not your appliance; \
                check the address and the network in between"
                    .into(),
            );
        }
    }
    if answer.device != binding.client {
        return Err("the appliance enrolled another key than this device's; enrol again".into());
    }
    Ok(answer.device)
}

fn code(given: Option<Zeroizing<String>>) -> Result<Code, Failure> {
    let typed = match given {
        Some(code) => code,
        None => {
            if std::io::stdin().is_terminal() {
                eprint!("Code from the appliance's console, or from `holdfast device add`: ");
            }
            let mut line = Zeroizing::new(String::new());
            std::io::stdin().read_line(&mut line)?;
            line
        }
    };
    Code::parse(&typed).ok_or_else(|| {
        "that is not a code; type the 26 letters and digits that the appliance's console shows, or that `holdfast device \
         add` printed"
            .into()
    })
}

fn operator_key(file: &Path) -> Result<Ed25519KeyPair, Failure> {
    let pem = std::fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|error| {
            format!(
                "cannot read {}: {error}; name the file that `holdfast config new` made",
                file.display()
            )
        })?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok();
    let key =
        key.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok());
    key.ok_or_else(|| {
        format!("{} is not an Ed25519 private key in PKCS#8 PEM; name the file that `holdfast config new` made", file.display()).into()
    })
}
