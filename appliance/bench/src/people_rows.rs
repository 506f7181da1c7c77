//! Sign-ins, sessions, and what a name tells, in process: no network, a real store, real signatures.
//!
//! | Row | What it is |
//! |---|---|
//! | sign-ins | both halves of a passkey ceremony, the session, and one durable commit for each, 64 at once; by the processor time of all threads, and by the clock, which also counts waiting for the disk |
//! | ceremonies alone | the same without session and commit; the peer of both |
//! | look-up | of a token among all sessions |
//! | memory | of all sessions |
//! | names | beginning a sign-in by a name that is known, against one that is not; a ratio of 1 tells nothing |
//!
//! What the authenticators do is not counted: they are the visitors' own.

use std::time::{Duration, Instant};

use holdfast_audit::{Actor, Timestamp};
use holdfast_identity::passkeys::{Answer, Binding, Browser, How, Passkeys};
use holdfast_identity::people::Name;
use holdfast_identity::roles::{self, Limits, Role};
use holdfast_identity::sessions::{Method, New, Pending, Sessions, Token};
use holdfast_identity::{Act, Error, Moment, PersonId, Random, invites};
use holdfast_store::{Batch, Store};

use crate::authenticator::{Authenticator, Wrong};
use crate::cli::PeopleArgs;
use crate::rows::{Better, Row, Rows};
use crate::{Failure, process, store_rows};

/// People, who all sign in at once.
const PEOPLE: usize = 64;
/// Sessions that are made by one commit, before anything is measured.
const AT_ONCE: usize = 1000;

struct Kernel;

impl Random for Kernel {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Random)
    }
}

/// Sign-ins a second.
struct Rate {
    /// Of what all threads of the process computed, so it is what one core can do.
    processor: f64,
    /// Of what passed meanwhile: the writer works beside, and the disk is waited for.
    clock: f64,
}

/// What was spent.
struct Spent {
    processor: Duration,
    clock: Duration,
}

/// A moment of both clocks.
struct Since(Duration, Instant);

impl Since {
    fn now() -> Result<Self, Failure> {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Ok(Self(used.try_into()?, Instant::now()))
    }
}

impl Spent {
    fn add(&mut self, since: &Since) -> Result<(), Failure> {
        let Since(used, now) = Since::now()?;
        self.processor = self.processor.saturating_add(used.saturating_sub(since.0));
        self.clock = self.clock.saturating_add(now.duration_since(since.1));
        Ok(())
    }
}

struct Someone {
    id: PersonId,
    name: String,
    authenticator: Authenticator,
}

struct Portal {
    store: Store,
    passkeys: Passkeys,
    sessions: Sessions,
    binding: Binding,
}

/// Measures in a temporary folder, so that it should be on the disk that matters.
pub fn measure(args: &PeopleArgs, rows: &mut Rows) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    println!("measuring in {}", folder.path().display());
    let portal = Portal::open(store_rows::open(&folder.path().join("store.redb"))?)?;
    let mut people = portal.people()?;
    let (mut whole, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        whole.push(portal.sign_ins(&mut people, args.seconds, true)?);
        alone.push(portal.sign_ins(&mut people, args.seconds, false)?);
    }
    type Of = fn(&Rate) -> f64;
    let by: [(&str, Of); 2] = [
        ("a second of processor time", |rate| rate.processor),
        ("by the clock, one thread", |rate| rate.clock),
    ];
    for (how, of) in by {
        let [mut whole, mut alone] =
            [&whole, &alone].map(|all| all.iter().map(of).collect::<Vec<_>>());
        rows.add(Row::versus(
            &format!("people: passkey sign-ins, durable, {how}, sign-ins/s"),
            Some("the same ceremonies without session and commit".to_owned()),
            middle(&mut whole),
            middle(&mut alone),
            Better::Higher,
        ))?;
    }
    portal.names(&people, rows)?;
    portal.look_ups(&people, args.sessions, rows)
}

impl Portal {
    fn open(store: Store) -> Result<Self, Failure> {
        let snapshot = store.snapshot()?;
        let mut batch = Batch::new();
        let origin = "https://portal.example";
        let passkeys = Passkeys::open(&snapshot, &mut batch, &Kernel, origin, "Bench")?;
        let sessions = Sessions::open(&snapshot, &mut batch, &Kernel, now()?)?;
        let role = Role {
            name: "many".to_owned(),
            inherits: vec!["member".to_owned()],
            limits: Limits {
                idle_seconds: 86_400,
                absolute_seconds: 86_400,
                sessions: u32::MAX,
            },
        };
        roles::put(&snapshot, &mut batch, &act()?, &role)?;
        store.commit_blocking(batch)?;
        Ok(Self {
            store,
            passkeys,
            sessions,
            binding: Binding::fresh(&Kernel)?,
        })
    }

    /// Has everybody join.
    fn people(&self) -> Result<Vec<Someone>, Failure> {
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let (act, many) = (act()?, vec!["many".to_owned()]);
            let hour = Duration::from_secs(3600);
            let mut batch = Batch::new();
            let snapshot = self.store.snapshot()?;
            let code = invites::make(&snapshot, &mut batch, &act, &Kernel, many, hour)?;
            self.store.commit_blocking(batch)?;
            let name = format!("person {number}");
            let typed = Name::parse(&name)?;
            let snapshot = self.store.snapshot()?;
            let (passkeys, binding) = (&self.passkeys, &self.binding);
            let begun =
                passkeys.begin_join(&snapshot, &Kernel, browser(binding), now()?, &code, &typed)?;
            let mut authenticator = Authenticator::new(format!("credential {number}").as_bytes());
            let body = authenticator.create(&begun.options, &Wrong::default());
            let answer = Answer {
                id: &begun.id,
                binding,
                body: &body,
                label: "bench",
            };
            let mut batch = Batch::new();
            let id = passkeys.finish_join(&snapshot, &mut batch, &act, &Kernel, &answer)?;
            self.store.commit_blocking(batch)?;
            people.push(Someone {
                id,
                name,
                authenticator,
            });
        }
        Ok(people)
    }

    fn sign_ins(&self, people: &mut [Someone], seconds: f64, whole: bool) -> Result<Rate, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut spent = Spent {
            processor: Duration::ZERO,
            clock: Duration::ZERO,
        };
        let mut done = 0.0;
        while spent.clock.as_secs_f64() < seconds {
            let begun = Since::now()?;
            let snapshot = self.store.snapshot()?;
            let mut all = Vec::new();
            for _ in &*people {
                let (binding, now) = (&self.binding, now()?);
                let passkeys = &self.passkeys;
                all.push(passkeys.begin_sign_in(
                    &snapshot,
                    &Kernel,
                    browser(binding),
                    now,
                    How::Button,
                )?);
            }
            spent.add(&begun)?;
            let pairs = people.iter_mut().zip(&all);
            let bodies: Vec<_> = pairs
                .map(|(one, begun)| one.authenticator.get(&begun.options, &Wrong::default()))
                .collect();
            let finished = Since::now()?;
            let mut commits = Vec::new();
            for (begun, body) in all.iter().zip(&bodies) {
                let answer = Answer {
                    id: &begun.id,
                    binding: &self.binding,
                    body,
                    label: "",
                };
                let (act, mut batch) = (act()?, Batch::new());
                let proven = self.passkeys.prove(&snapshot, &mut batch, &act, &answer)?;
                if whole {
                    let passkeys = &self.passkeys;
                    passkeys.record(&snapshot, &mut batch, &act, &Kernel, &proven)?;
                    let pending = self.begin(&snapshot, &mut batch, &act, proven.person)?;
                    commits.push((pending, batch));
                }
            }
            drop(snapshot);
            self.commit(&runtime, commits)?;
            spent.add(&finished)?;
            done += people.len() as f64;
        }
        Ok(Rate {
            processor: done / spent.processor.as_secs_f64(),
            clock: done / spent.clock.as_secs_f64(),
        })
    }

    fn begin(
        &self,
        snapshot: &holdfast_store::Snapshot,
        batch: &mut Batch,
        act: &Act,
        person: PersonId,
    ) -> Result<Pending, Error> {
        let new = New {
            person,
            portal: None,
            method: Method::Passkey,
            device: "Firefox on Linux · 192.0.2.1",
        };
        self.sessions.begin(snapshot, batch, act, &Kernel, new)
    }

    /// All at once, as so many requests would; each is durable when it is admitted.
    fn commit(
        &self,
        runtime: &tokio::runtime::Runtime,
        commits: Vec<(Pending, Batch)>,
    ) -> Result<(), Failure> {
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (pending, batch) in commits {
                let store = self.store.clone();
                tasks.spawn(async move { store.commit(batch).await.map(|_| pending) });
            }
            while let Some(task) = tasks.join_next().await {
                let pending = task.map_err(|error| error.to_string())??;
                self.sessions
                    .admit(pending)
                    .ok_or("a session was refused")?;
            }
            Ok(())
        })
    }

    /// How long it takes to begin by a name that is known, and by one that is not.
    fn names(&self, people: &[Someone], rows: &mut Rows) -> Result<(), Failure> {
        let snapshot = self.store.snapshot()?;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for round in 0..50_u32 {
            for one in people {
                let other = format!("nobody {round} {}", one.name);
                for (typed, times) in [(&one.name, &mut known), (&other, &mut unknown)] {
                    let (begun, how) = (Instant::now(), How::Name(typed));
                    let (passkeys, binding) = (&self.passkeys, &self.binding);
                    passkeys.begin_sign_in(&snapshot, &Kernel, browser(binding), now()?, how)?;
                    times.push(begun.elapsed().as_secs_f64() * 1e6);
                }
            }
        }
        for (name, share) in [("median", 0.5), ("99th percentile", 0.99)] {
            rows.add(Row::versus(
                &format!("people: a sign-in begun by a known name, {name}, µs"),
                Some("a name that nobody has".to_owned()),
                at(&mut known, share),
                at(&mut unknown, share),
                Better::Lower,
            ))?;
        }
        Ok(())
    }

    /// The look-up on the way of each request, and what the sessions take.
    fn look_ups(&self, people: &[Someone], count: usize, rows: &mut Rows) -> Result<(), Failure> {
        let own = [std::process::id()];
        let before = process::memory(&own)?;
        let held = self.sessions.len();
        let mut tokens: Vec<Token> = Vec::with_capacity(count);
        while tokens.len() < count {
            let (snapshot, mut batch, act) = (self.store.snapshot()?, Batch::new(), act()?);
            let mut pending = Vec::new();
            for one in people.iter().cycle().take(AT_ONCE) {
                pending.push(self.begin(&snapshot, &mut batch, &act, one.id)?);
            }
            drop(snapshot);
            self.store.commit_blocking(batch)?;
            tokens.extend(
                pending
                    .into_iter()
                    .filter_map(|one| self.sessions.admit(one)),
            );
        }
        let made = self.sessions.len().saturating_sub(held);
        let grown = process::memory(&own)? - before - tokens.len() as f64 * 32.0 / 1e6;
        rows.add(Row::alone(
            "people: memory of 100 000 sessions, MB",
            grown * 100_000.0 / made as f64,
        ))?;
        let now = now()?;
        let begun = Instant::now();
        // Neighbours in the list are none in the map.
        let look = |token: &&Token| self.sessions.find(token, now).is_some();
        let found = tokens.iter().filter(look).count();
        let each = begun.elapsed().as_secs_f64() * 1e6 / tokens.len() as f64;
        if found != tokens.len() {
            return Err("a session was not found".into());
        }
        let name = format!("people: look-up of a session among {made}, µs");
        rows.add(Row::alone(&name, each))
    }
}

/// All sign in from one network.
fn browser(binding: &Binding) -> Browser<'_> {
    Browser {
        binding,
        from: [192, 0, 2, 1].into(),
    }
}

fn now() -> Result<Moment, Failure> {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Moment {
        wall: Timestamp::from_unix_millis(i64::try_from(wall.as_millis())?)?,
        monotonic: Instant::now(),
    })
}

fn act() -> Result<Act, Failure> {
    Ok(Act {
        now: now()?,
        actor: Actor::Machine,
        request: None,
    })
}

fn middle(all: &mut [f64]) -> f64 {
    at(all, 0.5)
}

fn at(all: &mut [f64], share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    let place = (all.len() as f64 * share) as usize;
    all.get(place.min(all.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
