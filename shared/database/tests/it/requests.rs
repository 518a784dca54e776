//! T10: the same request id with the same body gives the same answer and one effect; with another body
//! it is refused.

use database::{
    Database,
    requests::{
        KEPT_FOR_MICROS, Request, Seen, forget_naming, forget_of, forget_old, look_up, remember,
    },
};
use futures::future::join_all;
use testing::Scratch;
use types::WorkspaceId;

use crate::{count, open, value};

fn request<'a>(workspace: &'a WorkspaceId, actor: &'a str, id: &'a str, body: u8) -> Request<'a> {
    Request {
        workspace,
        actor,
        id,
        body_hash: [body; 32],
    }
}

/// Carries a request out as a service does: look up, do, remember, in one transaction; and again, if
/// another was faster.
async fn carry_out(db: &Database, request: &Request<'_>) -> Seen {
    loop {
        let tx = db.begin().await.unwrap();
        match look_up(&tx, request).await.unwrap() {
            Seen::New => {
                let answer = count(&tx, "effects").await.unwrap();
                let answer = vec![answer as u8];
                match remember(&tx, request, answer.clone(), 1_000).await {
                    Ok(()) => {
                        tx.commit().await.unwrap();
                        return Seen::Answered(answer);
                    }
                    Err(error) => assert!(error.sql_err().is_some(), "{error:?}"),
                }
            }
            seen => return seen,
        }
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_has_one_effect() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    for _ in 0..3 {
        let seen = carry_out(&db, &request(&workspace, "con_a", "r1", 1)).await;
        assert_eq!(seen, Seen::Answered(vec![1]));
    }
    // after a restart too
    db.close().await.unwrap();
    let db = open(&scratch).await;
    let seen = carry_out(&db, &request(&workspace, "con_a", "r1", 1)).await;
    assert_eq!(seen, Seen::Answered(vec![1]));
    assert_eq!(value(db.read(), "effects").await.unwrap(), 1);
}

#[tokio::test]
async fn the_same_id_with_another_body_is_refused_and_does_nothing() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    carry_out(&db, &request(&workspace, "con_a", "r1", 1)).await;
    let seen = carry_out(&db, &request(&workspace, "con_a", "r1", 2)).await;
    assert_eq!(seen, Seen::Reused);
    let seen = carry_out(&db, &request(&workspace, "con_a", "r1", 1)).await;
    assert_eq!(seen, Seen::Answered(vec![1]), "the first answer stays");
}

#[tokio::test]
async fn ids_of_different_actors_and_workspaces_never_meet() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let (one, other) = (WorkspaceId::generate(), WorkspaceId::generate());
    for (n, (workspace, actor)) in [(&one, "con_a"), (&one, "con_b"), (&other, "con_a")]
        .into_iter()
        .enumerate()
    {
        // the bodies differ too: nobody learns that an id was used by somebody else
        let seen = carry_out(&db, &request(workspace, actor, "r1", n as u8)).await;
        assert_eq!(seen, Seen::Answered(vec![n as u8 + 1]));
    }
}

#[tokio::test]
async fn a_request_without_an_id_is_carried_out_each_time() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    for n in 1..4 {
        let seen = carry_out(&db, &request(&workspace, "con_a", "", 1)).await;
        assert_eq!(seen, Seen::Answered(vec![n]));
    }
}

/// From this process and another one: one carries it out, and all get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_with_one_id_exactly_one_is_carried_out() {
    let scratch = Scratch::new();
    let processes = [open(&scratch).await, open(&scratch).await];
    let workspace = WorkspaceId::generate();
    for round in 0..10_u8 {
        let id = format!("r{round}");
        let tries = (0..16).map(|n: usize| {
            let (db, workspace, id) = (processes[n % 2].clone(), workspace.clone(), id.clone());
            tokio::spawn(async move { carry_out(&db, &request(&workspace, "con_a", &id, 1)).await })
        });
        for seen in join_all(tries.collect::<Vec<_>>()).await {
            assert_eq!(seen.unwrap(), Seen::Answered(vec![round + 1]));
        }
    }
    assert_eq!(value(processes[0].read(), "effects").await.unwrap(), 10);
}

/// Even one who did not look: the primary key decides.
#[tokio::test]
async fn a_second_answer_to_one_request_is_refused_by_the_database() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    let request = request(&workspace, "con_a", "r1", 1);
    let tx = db.begin().await.unwrap();
    remember(&tx, &request, vec![1], 0).await.unwrap();
    assert!(remember(&tx, &request, vec![2], 0).await.is_err());
}

/// A request that was rolled back was never carried out.
#[tokio::test]
async fn an_answer_that_was_rolled_back_is_not_remembered() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    let request = request(&workspace, "con_a", "r1", 1);
    let tx = db.begin().await.unwrap();
    remember(&tx, &request, vec![1], 0).await.unwrap();
    drop(tx);
    let tx = db.begin().await.unwrap();
    assert_eq!(look_up(&tx, &request).await.unwrap(), Seen::New);
}

#[tokio::test]
async fn answers_are_forgotten_after_a_week_and_not_before() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    let (old, young) = (
        request(&workspace, "con_a", "old", 1),
        request(&workspace, "con_a", "young", 1),
    );
    let tx = db.begin().await.unwrap();
    remember(&tx, &old, vec![1], 999).await.unwrap();
    remember(&tx, &young, vec![2], 1_000).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(forget_old(&db, 998 + KEPT_FOR_MICROS).await.unwrap(), 0);
    assert_eq!(forget_old(&db, 1_000 + KEPT_FOR_MICROS).await.unwrap(), 1);
    let tx = db.begin().await.unwrap();
    assert_eq!(look_up(&tx, &old).await.unwrap(), Seen::New);
    assert_eq!(look_up(&tx, &young).await.unwrap(), Seen::Answered(vec![2]));
}

/// Many days' answers: more than one transaction forgets.
#[tokio::test]
async fn old_answers_are_forgotten_however_many_there_are() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let workspace = WorkspaceId::generate();
    let tx = db.begin().await.unwrap();
    for n in 0..2_500 {
        let id = n.to_string();
        let one = request(&workspace, "con_a", &id, 1);
        remember(&tx, &one, vec![1], i64::from(n)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let now = 2_400 + KEPT_FOR_MICROS;
    assert_eq!(forget_old(&db, now).await.unwrap(), 2_400);
    assert_eq!(forget_old(&db, now).await.unwrap(), 0);
}

/// More than are looked at at once.
#[tokio::test]
async fn all_answers_to_somebody_and_all_that_name_them_are_forgotten_and_no_others() {
    let scratch = Scratch::new();
    let db = open(&scratch).await;
    let (workspace, other) = (WorkspaceId::generate(), WorkspaceId::generate());
    let tx = db.begin().await.unwrap();
    for n in 0..450 {
        let id = format!("{n:03}");
        for (workspace, actor) in [
            (&workspace, "con_a"),
            (&workspace, "tea_g"),
            (&other, "tea_g"),
        ] {
            let says = match n % 3 {
                0 => "about con_a",
                _ => "about nobody",
            };
            let asked = request(workspace, actor, &id, 1);
            remember(&tx, &asked, says.into(), 1_000).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    forget_of(&db, &workspace, "con_a").await.unwrap();
    forget_naming(&db, &workspace, &["con_b", "con_a"])
        .await
        .unwrap();
    for n in 0..450 {
        let id = format!("{n:03}");
        for (workspace, actor, kept) in [
            (&workspace, "con_a", false),
            (&workspace, "tea_g", n % 3 != 0),
            (&other, "tea_g", true),
        ] {
            let seen = look_up(db.read(), &request(workspace, actor, &id, 1)).await;
            assert_eq!(seen.unwrap() != Seen::New, kept, "{actor} {id}");
        }
    }
}
