//! One seed: people act, processes fail, and then it is checked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use proto::{
    notifications::v1::notification_service_client::NotificationServiceClient,
    settings::v1::IdentifyContactRequest,
    tickets::v1::{CreateTicketTypeRequest, ListTicketStatesRequest, TypeCategory},
};
use rand::{SeedableRng, rngs::StdRng};
use runtime::KeyRing;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use types::WorkspaceId;

use super::{
    calls::{Desk, Phone},
    checks::{self, Verdict},
    contacts::Contact,
    faults::{Faults, line},
    judge,
    leavers::Leaver,
    ledger::{Fate, Ledger, Read, Reading},
    office::{Operator, Teammate},
    report::Summary,
    sharing::Office,
    truth::{Inspector, Truth},
    watchers::Watcher,
};
use crate::{Staff, client::explain, cluster::Cluster, demo_workspace};

/// Everything is back within this long after the faults.
const BACK: Duration = Duration::from_secs(60);
/// Calls under way when the faults end are answered within this long.
const FINISH: Duration = Duration::from_secs(150);
/// Contacts who are erased, beside those who stay.
const LEAVERS: usize = 2;
/// Differences that are printed.
const PRINTED: usize = 12;

/// What one seed is played with.
pub(super) struct Setting {
    pub seed: u64,
    pub contacts: usize,
    /// Of faults.
    pub time: Duration,
    /// Whether projections are rebuilt while people act.
    pub rebuilds: bool,
}

/// The people of one seed.
struct Cast {
    ledger: Arc<Ledger>,
    inspector: Inspector,
    contacts: Vec<Contact>,
    leavers: Vec<Leaver>,
    teammate: Teammate,
    operator: Operator,
    watchers: Vec<Arc<Watcher>>,
}

/// Plays a seed and checks it.
///
/// # Errors
/// What is wrong, as sentences; the fault log is in the directory then.
pub(super) async fn play(setting: &Setting, cluster: &mut Cluster) -> Result<Summary> {
    let began = Instant::now();
    let mut cast = cast(setting, cluster).await?;
    let ledger = cast.ledger.clone();
    let acting = CancellationToken::new();
    let watching = CancellationToken::new();
    let _stop = (acting.clone().drop_guard(), watching.clone().drop_guard());
    let mut watches = JoinSet::new();
    for watcher in &cast.watchers {
        watches.spawn(watcher.clone().watch(watching.clone()));
    }
    let mut actors = JoinSet::new();
    for contact in cast.contacts.drain(..) {
        actors.spawn(contact.live(acting.clone()));
    }
    for leaver in cast.leavers.drain(..) {
        actors.spawn(leaver.live(acting.clone()));
    }
    actors.spawn(cast.teammate.live(acting.clone()));
    let again = Operator {
        desk: cast.operator.desk.clone(),
        ledger: ledger.clone(),
        rng: random(setting.seed, 7),
        keys: cast.operator.keys.clone(),
        notifications: cast.operator.notifications.clone(),
        rebuilds: true,
    };
    actors.spawn(cast.operator.live(acting.clone()));
    let mut faults = Faults::new(ledger.clone(), random(setting.seed, 1));
    let outcome = async {
        if setting.time.is_zero() {
            sleep(Duration::from_secs(10)).await;
        } else {
            faults.rage(cluster, setting.time).await?;
        }
        acting.cancel();
        let quiet = Instant::now();
        faults.heal(cluster, BACK).await?;
        let ending = finish(&mut actors, &cast.inspector, setting, &cast.watchers, again);
        let (mut verdict, truth) = tokio::select! {
            ended = ending => ended?,
            error = faults.keep(cluster) => return Err(error),
        };
        let settled = quiet.elapsed();
        let book = ledger.book();
        verdict = verdict
            .and(checks::exactly_once(&truth, &book))
            .and(checks::read_places(&truth, &book.reads))
            .and(checks::never_cleared(&truth, &book))
            .and(checks::badges_cover(&truth, &book));
        verdict.wrong.extend(book.refusals.iter().cloned());
        verdict.wrong.extend(cluster.inexcusable());
        drop(book);
        anyhow::Ok((verdict, settled))
    }
    .await;
    watching.cancel();
    watches.shutdown().await;
    actors.shutdown().await;
    let log = log(&faults, &ledger);
    let directory = cluster.layout.directory();
    std::fs::write(directory.join("faults.log"), &log)?;
    let (verdict, settled) = outcome?;
    if !verdict.wrong.is_empty() {
        let wrong = verdict.wrong.join("\n");
        std::fs::write(directory.join("wrong.log"), &wrong)?;
        let book = format!("{:#?}", ledger.book());
        std::fs::write(directory.join("book.log"), book)?;
        println!("the faults of seed {}:\n{log}", setting.seed);
        let printed: Vec<_> = verdict.wrong.iter().take(PRINTED).cloned().collect();
        bail!(
            "{} things are wrong:\n{}\n",
            verdict.wrong.len(),
            printed.join("\n")
        );
    }
    Ok(summary(setting, began, settled, &verdict, &ledger, faults))
}

/// Faults and what else is noted, by time.
fn log(faults: &Faults, ledger: &Ledger) -> String {
    let mut lines = faults.harm.log.clone();
    lines.extend(ledger.book().notes.iter().map(|(at, what)| line(*at, what)));
    lines.sort();
    lines.join("\n")
}

fn summary(
    setting: &Setting,
    began: Instant,
    settled: Duration,
    verdict: &Verdict,
    ledger: &Ledger,
    faults: Faults,
) -> Summary {
    let book = ledger.book();
    let done = |fate: Fate| fate == Fate::Acknowledged;
    let count = |some: usize| some as u64;
    let of_contact = |body: &str| !body.starts_with("answer");
    let said = |by_contact: bool| {
        let messages = book.messages.iter().filter(|m| done(m.fate));
        count(
            messages
                .filter(|m| of_contact(&m.body) == by_contact)
                .count(),
        )
    };
    let read = |of_ticket: bool| {
        let reads = book.reads.iter().filter(|read| read.acknowledged);
        let is = |reading: &Reading| matches!(reading, Reading::Ticket(..)) == of_ticket;
        count(reads.filter(|read| is(&read.reading)).count())
    };
    let submissions = book.submissions.iter().filter(|s| done(s.fate));
    let turned = |shared: bool| {
        let turned = book.sharings.iter().filter(|s| s.version > 0);
        count(turned.filter(|s| s.shared == shared).count())
    };
    let changes = book.changes.iter().filter(|c| done(c.fate));
    let writes = BTreeMap::from([
        ("tickets made", count(submissions.count())),
        ("tickets shared", turned(true)),
        ("tickets taken back", turned(false)),
        ("states changed", count(changes.count())),
        ("messages by contacts", said(true)),
        ("messages by teammates", said(false)),
        ("tickets read", read(true)),
        ("conversations read", read(false)),
        ("conversations closed", book.closings),
        ("spaces turned", book.turns),
        ("contacts erased", book.erasures),
        ("projections rebuilt", book.rebuilds),
    ]);
    Summary {
        seed: setting.seed,
        took: began.elapsed(),
        settled,
        faults: faults.harm.counts,
        writes,
        unanswered: book.unanswered(),
        tried_again: book.tried_again.clone(),
        frames: book.frames,
        stale_frames: book.stale_frames,
        rows: book.looked_at,
        checks: verdict.checked,
    }
}

/// Lets everybody finish, sends again what was never heard, and looks until everybody agrees; once more
/// after a rebuild, which changes nothing.
async fn finish(
    actors: &mut JoinSet<()>,
    inspector: &Inspector,
    setting: &Setting,
    watchers: &[Arc<Watcher>],
    mut operator: Operator,
) -> Result<(Verdict, Truth)> {
    let all = async {
        while let Some(ended) = actors.join_next().await {
            ended.context("somebody who acts panicked")?;
        }
        anyhow::Ok(())
    };
    timeout(FINISH, all)
        .await
        .context("calls went on long after the faults had ended")??;
    let mut rng = random(setting.seed, 6);
    send_unheard(inspector, &mut rng).await?;
    let (truth, verdict) = judge::agreement(inspector, watchers, &mut rng).await?;
    if !verdict.wrong.is_empty() {
        return Ok((verdict, truth));
    }
    if !operator.rebuild().await {
        bail!("the projection could not be rebuilt when all was quiet");
    }
    let (after, rebuilt) = judge::agreement(inspector, watchers, &mut rng).await?;
    let mut verdict = verdict
        .and(rebuilt)
        .and(inspector.newcomers(&mut rng).await);
    if checks::newest(&after) != checks::newest(&truth) {
        verdict
            .wrong
            .push("something was written when all was quiet".into());
    }
    Ok((verdict, after))
}

/// Reads that nobody heard of are told again: then it is known what was read.
async fn send_unheard(inspector: &Inspector, rng: &mut StdRng) -> Result<()> {
    let unheard: Vec<_> = {
        let book = inspector.ledger.book();
        let unheard = book.reads.iter().filter(|read| !read.acknowledged);
        let stays = |read: &&Read| !book.leaving.contains(&read.contact);
        unheard.filter(stays).cloned().collect()
    };
    for read in unheard {
        let mut contact = Contact {
            phone: inspector.phones[read.contact].clone(),
            ledger: inspector.ledger.clone(),
            rng: StdRng::from_rng(&mut *rng)?,
            turn: 0,
        };
        contact.send_read(read.reading).await;
    }
    Ok(())
}

/// By what a contact is known to the customer.
pub(super) fn user_id(contact: usize) -> String {
    format!("contact-{contact}")
}

/// A source of chance for each who draws, so that one's draws do not depend on another's.
fn random(seed: u64, of: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(of))
}

async fn cast(setting: &Setting, cluster: &Cluster) -> Result<Cast> {
    let endpoints: Vec<_> = (0..cluster.replicas())
        .map(|replica| cluster.endpoints(replica))
        .collect();
    let access = demo_workspace::workspace(
        &cluster.layout,
        &endpoints[0],
        "Chaos",
        &[("grace", "Grace Hopper")],
        &[],
    )
    .await?;
    let staff = Staff::new(&endpoints[0], &access.teammates["grace"])?;
    let send = |mut c: super::Types, r| async move { c.list_ticket_states(r).await };
    let body = ListTicketStatesRequest {};
    let found = explain(
        "reading the states",
        staff.call(&staff.types, body, send).await,
    )?;
    let type_id = shareable(&staff).await?;
    let ledger = Arc::new(Ledger::open());
    let desk = Arc::new(Desk::new(&ledger, &access.teammates["grace"], &endpoints)?);
    let mut phones = Vec::new();
    let mut contact_ids = Vec::new();
    for contact in 0..setting.contacts + LEAVERS {
        let user_id = user_id(contact);
        contact_ids.push(identify(&staff, &user_id).await?);
        let phone = Phone::new(contact, &user_id, &ledger, &access, &endpoints)?;
        phones.push(Arc::new(phone));
    }
    let notifications = endpoints
        .iter()
        .map(|at| {
            Ok(NotificationServiceClient::new(runtime::client::channel(
                &at.notifications,
            )?))
        })
        .collect::<Result<Vec<_>>>()?;
    let contact = |phone: &Arc<Phone>| Contact {
        phone: phone.clone(),
        ledger: ledger.clone(),
        rng: random(setting.seed, 100 + phone.contact as u64),
        turn: 0,
    };
    let (staying, leaving) = phones.split_at(setting.contacts);
    let leavers = leaving.iter().map(|phone| Leaver {
        contact: contact(phone),
        contact_id: contact_ids[phone.contact].clone(),
        desk: desk.clone(),
        rng: random(setting.seed, 200 + phone.contact as u64),
    });
    let watchers = staying.iter().flat_map(|phone| {
        (0..cluster.replicas()).map(|replica| {
            Arc::new(Watcher {
                phone: phone.clone(),
                replica,
                ledger: ledger.clone(),
                shown: Default::default(),
            })
        })
    });
    let states = found.states.iter();
    let by_id = states.map(|state| (state.state_id.clone(), state.clone()));
    let keys = |name| KeyRing::load(&cluster.layout.keys(), name);
    Ok(Cast {
        contacts: staying.iter().map(&contact).collect(),
        leavers: leavers.collect(),
        watchers: watchers.collect(),
        teammate: Teammate {
            desk: desk.clone(),
            ledger: ledger.clone(),
            rng: random(setting.seed, 2),
            states: found.states.iter().map(|s| s.state_id.clone()).collect(),
            office: Office {
                type_id,
                contact_ids: contact_ids.clone(),
            },
            turn: 0,
        },
        operator: Operator {
            desk: desk.clone(),
            ledger: ledger.clone(),
            rng: random(setting.seed, 3),
            keys: Arc::new(keys("operator")?),
            notifications: notifications.clone(),
            rebuilds: setting.rebuilds,
        },
        inspector: Inspector {
            ledger: ledger.clone(),
            desk,
            phones,
            contact_ids,
            states: by_id.collect(),
            workspace: WorkspaceId::parse(&access.workspace_id)?,
            keys: keys("bff")?,
            notifications,
            endpoints,
            access,
        },
        ledger,
    })
}

/// A type of tickets of the team that may be shared.
async fn shareable(staff: &Staff) -> Result<String> {
    let body = CreateTicketTypeRequest {
        request_id: "office".into(),
        name: "Office".into(),
        category: TypeCategory::BackOffice.into(),
        shareable: true,
        ..Default::default()
    };
    let send = |mut c: super::Types, r| async move { c.create_ticket_type(r).await };
    let made = staff.call(&staff.types, body, send).await;
    let made = explain("making a type for the team", made)?.r#type;
    Ok(made.context("no type in the answer")?.type_id)
}

async fn identify(staff: &Staff, user_id: &str) -> Result<String> {
    let body = IdentifyContactRequest {
        user_id: user_id.to_owned(),
        ..Default::default()
    };
    let send = |mut c: super::Contacts, r| async move { c.identify_contact(r).await };
    let found = staff.call(&staff.contacts, body, send).await;
    let found = explain("identifying a contact", found)?.contact;
    Ok(found.context("no contact in the answer")?.contact_id)
}
