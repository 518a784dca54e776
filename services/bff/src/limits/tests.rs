use std::net::IpAddr;

use tokio::time::advance;

use super::*;

fn limits() -> Limits {
    Limits::new(&LimitArgs::default())
}

fn from(text: &str) -> Address {
    Address::of(text.parse::<IpAddr>().unwrap())
}

/// How many of these are let in, and what is said to the first that is not.
fn let_in(mut ask: impl FnMut() -> Result<(), Error>) -> (usize, What, Duration) {
    for count in 0..100_000 {
        if let Err(error) = ask() {
            let Error::TooOften { what, wait } = error else {
                panic!("{error:?}");
            };
            return (count, what, wait);
        }
    }
    panic!("there is no limit");
}

#[tokio::test(start_paused = true)]
async fn every_limit_lets_in_its_number_and_says_when_there_is_room_again() {
    let limits = limits();
    let address = from("192.0.2.1");
    let (contact, workspace) = (ContactId::generate(), WorkspaceId::generate());
    let seconds = Duration::from_secs;
    assert_eq!(
        let_in(|| limits.session(address, false)),
        (30, What::Sessions, seconds(2))
    );
    assert_eq!(
        let_in(|| limits.message(&contact, "")),
        (20, What::Messages, seconds(3))
    );
    assert_eq!(
        let_in(|| limits.ticket(&contact, "")),
        (10, What::Tickets, seconds(360))
    );
    assert_eq!(
        let_in(|| limits.watch(&contact)),
        (30, What::Watches, seconds(2))
    );
    let (calls, what, _) = let_in(|| limits.call(&contact, &workspace));
    assert_eq!((calls, what), (600, What::Calls));
    let (calls, what, _) = let_in(|| limits.call(&ContactId::generate(), &workspace));
    assert_eq!((calls, what), (30_000 - 600, What::Workspace));
    limits
        .call(&ContactId::generate(), &WorkspaceId::generate())
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn three_hundred_messages_are_a_days_worth_however_slowly_they_come() {
    let limits = limits();
    let contact = ContactId::generate();
    let mut sent = 0;
    let what = loop {
        match limits.message(&contact, "") {
            Ok(()) => sent += 1,
            Err(Error::TooOften { what, .. }) => break what,
            Err(other) => panic!("{other:?}"),
        }
        advance(Duration::from_secs(4)).await;
    };
    assert_eq!(what, What::MessagesDaily);
    // those of the first minutes are back by then
    assert!((300..=305).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn ten_new_visitors_an_hour_come_from_an_address_and_those_who_are_known_always_may() {
    let limits = limits();
    let address = from("192.0.2.1");
    let new = || {
        limits.session(address, true)?;
        limits.visitor(address);
        Ok(())
    };
    let (count, what, _) = let_in(new);
    assert_eq!((count, what), (10, What::Visitors));
    limits.session(address, false).unwrap();
    limits.session(from("192.0.2.2"), true).unwrap();
}

#[tokio::test(start_paused = true)]
async fn refused_tokens_are_counted_and_good_ones_are_not() {
    let limits = limits();
    let address = from("192.0.2.1");
    for _ in 0..25 {
        limits.session(address, false).unwrap();
        advance(Duration::from_secs(2)).await;
    }
    let guess = || {
        limits.session(address, false)?;
        limits.refused(address);
        Ok(())
    };
    let (count, what, wait) = let_in(guess);
    assert_eq!(
        (count, what, wait),
        (20, What::Refusals, Duration::from_secs(3))
    );
    advance(wait).await;
    limits.session(address, false).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_asked_for_three_hundred_times_a_minute_at_most() {
    let limits = limits();
    let address = from("2001:db8:1:2::1");
    let miss = || {
        limits.lookup(address)?;
        limits.missed(address);
        Ok(())
    };
    let (count, what, _) = let_in(miss);
    assert_eq!((count, what), (300, What::Misses));
    // an IPv6 customer has a whole network
    assert!(limits.lookup(from("2001:db8:1:2:ffff::9")).is_err());
    limits.lookup(from("2001:db8:1:3::1")).unwrap();
}

/// T10: who heard nothing tries again
#[tokio::test(start_paused = true)]
async fn the_same_request_id_is_counted_once() {
    let limits = limits();
    let contact = ContactId::generate();
    for _ in 0..50 {
        limits.ticket(&contact, "tap").unwrap();
        limits.message(&contact, "tap").unwrap();
    }
    let mut id = 0;
    let (count, what, _) = let_in(|| {
        id += 1;
        limits.ticket(&contact, &format!("tap {id}"))
    });
    assert_eq!((count, what), (9, What::Tickets));
    // what was refused is counted when it comes again and there is room
    assert!(limits.ticket(&contact, "late").is_err());
    advance(Duration::from_secs(360)).await;
    limits.ticket(&contact, "late").unwrap();
    assert!(limits.ticket(&contact, "later").is_err());
    limits.ticket(&contact, "tap").unwrap();
    // what let a message in lets no ticket in
    limits.message(&contact, "later").unwrap();
    assert!(limits.ticket(&contact, "later").is_err());
    // somebody else's id is another one
    limits.ticket(&ContactId::generate(), "late").unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_counted_is_not() {
    let contacts = Limits::new(&LimitArgs::counting(Counted::Contacts));
    let off = Limits::new(&LimitArgs::counting(Counted::Off));
    let (address, contact) = (from("127.0.0.1"), ContactId::generate());
    for limits in [&contacts, &off] {
        for _ in 0..1_000 {
            limits.session(address, true).unwrap();
            limits.visitor(address);
            limits.refused(address);
        }
    }
    let (count, _, _) = let_in(|| contacts.message(&contact, ""));
    assert_eq!(count, 20);
    for _ in 0..1_000 {
        off.message(&contact, "").unwrap();
    }
}
