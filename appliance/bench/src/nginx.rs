//! Debian's nginx, tuned for one core.
//!
//! One worker, no limit on a connection's requests or age, open files kept, no compression, access records of the same
//! fields as ours to a file, through a buffer. No response header beyond its own. `sendfile` is on, but only kernel TLS
//! could use it under TLS, and that is off, as it is by default. It issues as many session tickets as ours (none is used).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::appliance::free_address;
use crate::certificate::Certificate;
use crate::process;
use crate::running::Running;
use crate::target::{Group, Target};

/// A configured nginx.
pub struct Nginx {
    program: PathBuf,
    dir: PathBuf,
    target: Target,
    /// Such as `nginx 1.26.3`.
    pub name: String,
    /// The best key exchange that it and ours both have.
    pub group: Group,
}

impl Nginx {
    /// Writes its configuration. `tickets`: how many it issues for each handshake.
    pub fn prepare(
        program: &Path,
        dir: &Path,
        site: &Path,
        certificate: &Certificate,
        tickets: u32,
    ) -> Result<Self, Failure> {
        fs::create_dir(dir)?;
        fs::create_dir(dir.join("temporary"))?;
        let told = Command::new(program).arg("-v").output();
        let told = told.map_err(|error| {
            format!("cannot start {}: {error}; check --nginx", program.display())
        })?;
        let text = String::from_utf8_lossy(&told.stderr);
        let version = text
            .trim()
            .rsplit('/')
            .next()
            .unwrap_or("of unknown version");
        let mut nginx = Self {
            program: program.to_owned(),
            dir: dir.to_owned(),
            target: Target {
                address: free_address()?,
                certificate: certificate.der_file.clone(),
                processes: Vec::new(),
            },
            name: format!("nginx {version}"),
            group: Group::X25519MLKEM768,
        };
        let mut complaint = String::new();
        // OpenSSL has the hybrid group from version 3.5 on.
        for group in [Group::X25519MLKEM768, Group::X25519] {
            nginx.group = group;
            let text = nginx.configuration(site, certificate, tickets);
            fs::write(nginx.dir.join("nginx.conf"), text)?;
            let check = nginx
                .command(Command::new(&nginx.program))
                .arg("-t")
                .output()?;
            if check.status.success() {
                return Ok(nginx);
            }
            complaint = String::from_utf8_lossy(&check.stderr).into_owned();
        }
        Err(format!("nginx refuses its configuration: {complaint}").into())
    }

    /// Starts it on a CPU, and waits until it answers `path`.
    pub fn boot(&self, cpu: usize, path: &str) -> Result<(Running, Duration), Failure> {
        let log = self.dir.join("log");
        let mut command = process::pinned(cpu)?;
        command.arg(&self.program);
        let mut command = self.command(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let start = Instant::now();
        let process = command.spawn()?;
        let mut running = Running::new(process, &log, self.target.clone());
        let took = running.answers(path, self.group, start)?;
        running.target.processes.push(running.id());
        running
            .target
            .processes
            .extend(process::children(running.id())?);
        Ok((running, took))
    }

    fn command(&self, mut command: Command) -> Command {
        command
            .arg("-p")
            .arg(&self.dir)
            .args(["-e", "stderr", "-c", "nginx.conf"]);
        command
    }

    fn configuration(&self, site: &Path, certificate: &Certificate, tickets: u32) -> String {
        // As root it would change to another user, which a user namespace of one user forbids.
        let user = if rustix::process::geteuid().is_root() {
            "user root root;"
        } else {
            ""
        };
        let group = self.group.name();
        let address = self.target.address;
        let (chain, key) = (
            certificate.chain_file.display(),
            certificate.key_file.display(),
        );
        let root = site.display();
        format!(
            r#"{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid nginx.pid;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  sendfile on; tcp_nopush on; tcp_nodelay on; gzip off; server_tokens off;
  open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h;
  output_buffers 2 128k;
  keepalive_requests 2000000000; keepalive_timeout 1h; keepalive_time 24h;
  http2_max_concurrent_streams 128;
  types {{ }} default_type application/octet-stream;
  log_format records escape=json '{{"time":"$time_iso8601","kind":"access","request":"$request_id","peer":"$remote_addr",'
    '"protocol":"$server_protocol","method":"$request_method","host":"$http_host","path":"$uri","status":$status,'
    '"bytes":$body_bytes_sent,"seconds":$request_time}}';
  access_log access.log records buffer=64k flush=1s;
  client_body_temp_path temporary; proxy_temp_path temporary; fastcgi_temp_path temporary;
  uwsgi_temp_path temporary; scgi_temp_path temporary;
  server {{
    listen {address} ssl http2 backlog=4096;
    server_name localhost;
    root {root};
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    ssl_ecdh_curve {group};
    ssl_session_cache off; ssl_session_tickets off;
    ssl_conf_command NumTickets {tickets};
  }}
}}
"#
        )
    }
}
