//! Relays: several, killed ones, and streams that somebody else wrote into.

use events::{PARTITIONS, departed::LogCopies};
use testing::conformance::owner::{contact_in, write, write_many};

use crate::{
    owner::{Owner, Relaying, hold},
    server,
};

const FROM_THE_START: [u64; PARTITIONS] = [0; PARTITIONS];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_race_leave_no_gap_and_no_duplicate() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    let mut relays = Vec::new();
    for _ in 0..3 {
        relays.push(owner.relay(server).await);
    }
    for n in 0..600 {
        write(&log, &contact_in(n % 5, 0), "thing").await;
    }
    for partition in 0..4 {
        write_many(&log, &contact_in(partition, 0), 500, 100).await;
    }
    for relay in &relays {
        relay.in_step(&log).await;
    }
    hold(&streams.0, &log, FROM_THE_START, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_killed_in_the_middle_is_followed_by_another() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    write_many(&log, &contact_in(0, 0), 3_000, 200).await;
    for so_many in [1, 300, 700, 1_200] {
        let mut relay = owner.relay(server).await;
        let middle = relay.progress.wait_for(|at| at[0] >= so_many);
        middle.await.unwrap();
        relay.kill().await;
    }
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    hold(&streams.0, &log, FROM_THE_START, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_stood_by_takes_over() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    let mut relays: Vec<Relaying> = Vec::new();
    for _ in 0..2 {
        relays.push(owner.relay(server).await);
    }
    for n in 0..50 {
        write(&log, &contact_in(n % 5, 0), "thing").await;
    }
    // whichever leads, it is killed in one of the two rounds
    for _ in 0..2 {
        let relay = relays.remove(0);
        relay.in_step(&log).await;
        relay.kill().await;
        relays.push(owner.relay(server).await);
        write(&log, &contact_in(3, 0), "thing").await;
        relays[0].in_step(&log).await;
    }
    hold(&streams.0, &log, FROM_THE_START, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_with_foreign_content_is_made_anew() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    let client = async_nats::connect(server.to_string()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let foreign = async |partition| {
        let subject = streams.0.subject(partition);
        let published = context.publish(subject, "what is this".into()).await;
        published.unwrap().await.unwrap();
    };
    streams.0.ensure(&log).await.unwrap();
    // before the first event, in place of one, and behind the last
    foreign(1).await;
    foreign(2).await;
    write(&log, &contact_in(2, 0), "thing").await;
    write_many(&log, &contact_in(3, 0), 10, 100).await;
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    hold(&streams.0, &log, FROM_THE_START, server).await;
    relay.kill().await;
    foreign(3).await;
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    hold(&streams.0, &log, FROM_THE_START, server).await;
    // while the relay has nothing to do, and while it has
    foreign(4).await;
    foreign(5).await;
    write(&log, &contact_in(5, 0), "thing").await;
    let mut progress = relay.progress.clone();
    progress.mark_unchanged();
    testing::eventually("everything is the log's again", || async {
        let mut right = true;
        for partition in [4, 5] {
            let name = streams.0.name(partition);
            let stream = context.get_stream(name).await.ok()?;
            let head = log.refresh_heads().await.unwrap()[partition];
            right &= stream.cached_info().state.last_sequence == head;
        }
        right.then_some(())
    })
    .await;
    relay.in_step(&log).await;
    hold(&streams.0, &log, FROM_THE_START, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_starts_where_its_log_was_pruned_and_one_left_behind_is_made_anew() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    write_many(&log, &contact_in(7, 0), 40, 100).await;
    log.prune(7, 30).await.unwrap();
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    let mut from = FROM_THE_START;
    from[7] = 30;
    hold(&streams.0, &log, from, server).await;
    relay.stop().await;
    write_many(&log, &contact_in(7, 0), 40, 100).await;
    log.prune(7, 60).await.unwrap();
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    from[7] = 60;
    hold(&streams.0, &log, from, server).await;
    // emptied by age: the numbers go on
    relay.stop().await;
    streams.0.prune(7, 80).await.unwrap();
    write_many(&log, &contact_in(7, 0), 5, 100).await;
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    from[7] = 80;
    hold(&streams.0, &log, from, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_has_forgotten_the_streams_forget_too() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    write_many(&log, &contact_in(3, 0), 500, 100).await;
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    log.prune(3, 420).await.unwrap();
    let tidying = owner.streams(server).await;
    let tidying = jetstream::Relay::new(log.clone(), tidying.0.clone());
    tidying.tidy().await.unwrap();
    let mut from = FROM_THE_START;
    from[3] = 420;
    hold(&streams.0, &log, from, server).await;
    // and goes on after it
    write(&log, &contact_in(3, 0), "thing").await;
    relay.in_step(&log).await;
    tidying.tidy().await.unwrap();
    hold(&streams.0, &log, from, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_from_a_log_is_forgotten_by_a_stream_as_soon_as_it_has_it() {
    let Some(server) = server::running() else {
        return;
    };
    let owner = Owner::start().await;
    let streams = owner.streams(server).await;
    let log = owner.log();
    write_many(&log, &contact_in(5, 0), 20, 100).await;
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    relay.stop().await;
    write_many(&log, &contact_in(5, 0), 5, 100).await;
    assert!(
        !streams.0.forget(5, 25).await,
        "what is on its way would come after"
    );
    let relay = owner.relay(server).await;
    relay.in_step(&log).await;
    let mut from = FROM_THE_START;
    for up_to in [22, 22, 25] {
        assert!(streams.0.forget(5, up_to).await);
        from[5] = up_to;
        hold(&streams.0, &log, from, server).await;
    }
    // and goes on after it
    write(&log, &contact_in(5, 0), "thing").await;
    relay.in_step(&log).await;
    hold(&streams.0, &log, from, server).await;
}
