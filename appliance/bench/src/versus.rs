//! Both servers, side by side on one CPU, with the same files and the same certificate.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::appliance::Appliance;
use crate::certificate::Certificate;
use crate::cli::VersusArgs;
use crate::load::{Kind, Spec};
use crate::measure;
use crate::nginx::Nginx;
use crate::process;
use crate::running::Running;
use crate::target::{Group, Target};

/// The two files: random bytes, which no compression makes smaller.
pub const SMALL: (&str, usize) = ("1k.bin", 1024);
/// The larger one.
pub const LARGE: (&str, usize) = ("100k.bin", 100 * 1024);

/// Both servers, running.
pub struct Versus {
    /// Ours.
    pub ours: Running,
    /// nginx.
    pub theirs: Running,
    /// nginx's name and version.
    pub peer: String,
    /// The key exchange of all connections.
    pub group: Group,
    /// The CPU of the load.
    pub load_cpu: usize,
    site: PathBuf,
    _dir: tempfile::TempDir,
}

impl Versus {
    /// Prepares and starts both. Ours is enrolled, pushed to, and started again, so that it is as idle as the other.
    pub fn start(args: &VersusArgs) -> Result<Self, Failure> {
        let (load_cpu, server_cpu) = process::two_cpus()?;
        let dir = tempfile::tempdir()?;
        let certificate = Certificate::make(dir.path())?;
        let site = dir.path().join("site");
        make_site(&site)?;
        let path = format!("/{}", SMALL.0);

        let appliance =
            Appliance::prepare(&args.holdfast, &dir.path().join("holdfast"), &certificate)?;
        let (fresh, _) = appliance.boot(Some(server_cpu), &path)?;
        appliance.enrol()?;
        appliance.push(&site)?;
        fresh.stop()?;
        let (ours, _) = appliance.boot(Some(server_cpu), &path)?;
        let tickets = tickets(&ours.target, &site, load_cpu)?;

        let nginx = Nginx::prepare(
            &args.nginx,
            &dir.path().join("nginx"),
            &site,
            &certificate,
            tickets,
        )?;
        let (theirs, _) = nginx.boot(server_cpu, &path)?;
        println!(
            "holdfast (processes {:?}) and {} ({:?}) on CPU {server_cpu}, load on CPU {load_cpu}; {}, TLS_AES_128_GCM_SHA256, \
             ECDSA P-256, {tickets} unused session tickets for each handshake",
            ours.target.processes,
            nginx.name,
            theirs.target.processes,
            nginx.group.name(),
        );
        Ok(Self {
            ours,
            theirs,
            peer: nginx.name,
            group: nginx.group,
            load_cpu,
            site,
            _dir: dir,
        })
    }

    /// A load without times.
    pub fn spec(
        &self,
        target: &Target,
        kind: Kind,
        file: (&str, usize),
        connections: usize,
        depth: usize,
    ) -> Spec {
        Spec {
            target: target.clone(),
            group: self.group,
            kind,
            path: format!("/{}", file.0),
            body: self.site.join(file.0),
            connections,
            depth,
            warm: 0,
            measure: 0,
        }
    }
}

fn make_site(site: &Path) -> Result<(), Failure> {
    fs::create_dir(site)?;
    for (name, length) in [SMALL, LARGE] {
        let mut bytes = vec![0; length];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        fs::write(site.join(name), bytes)?;
    }
    Ok(())
}

/// How many session tickets a server issues in each handshake.
fn tickets(target: &Target, site: &Path, load_cpu: usize) -> Result<u32, Failure> {
    let spec = Spec {
        target: target.clone(),
        group: Group::X25519MLKEM768,
        kind: Kind::Handshake,
        path: String::new(),
        body: site.join(SMALL.0),
        connections: 1,
        depth: 1,
        warm: 0,
        measure: 50,
    };
    Ok(measure::load(load_cpu, &spec)?.0.tickets)
}
