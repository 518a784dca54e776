use std::{sync::Arc, time::Instant};
use super::support::*;
use proto::tickets::v1 as pb;
use sea_orm::{ConnectionTrait, Statement};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure() {
    let desk = Desk::new().await;
    let n = 4_000;
    let imports = (0..n).map(|number| tickets::import::Import {
        workspace: desk.workspace.clone(), requester: if number < 100 { desk.ada.clone() } else { types::ContactId::generate() },
        title: format!("Imported {number}"), description: "From elsewhere".into(),
        category: tickets::import::StateCategory::WaitingOnCustomer, created_at: desk.now(), notify: true,
    }).collect();
    let start = Instant::now();
    tickets::import::import(&desk.scratch.database_url("tickets"), Arc::new(desk.clock.clone()), imports).await.unwrap();
    println!("import {n}: {:?}", start.elapsed());
    let states = [desk.state_id(pb::StateCategory::Resolved).await, desk.state_id(pb::StateCategory::InProgress).await];
    for round in 0..5 {
        let token = desk.staff(()).metadata().get("authorization").unwrap().clone();
        let start = Instant::now();
        let work = (0..8).map(|w| { let desk=&desk; let states=&states; let token=&token; async move {
            let mut client = desk.tickets();
            for i in 0..100 {
                let number = w * 10 + i % 10 + 1;
                let request = pb::ChangeTicketStateRequest { request_id: format!("{round}-{w}-{i}"), ticket_id: format!("{number}"), state_id: states[(i/10) % 2].clone(), ..Default::default() };
                let mut request = tonic::Request::new(request);
                request.metadata_mut().insert("authorization", token.clone());
                client.change_ticket_state(request).await.unwrap();
            }
        }});
        futures::future::join_all(work).await;
        let ours = start.elapsed();
        let db = database::Database::open::<tickets::Migrator>(&desk.scratch.database_url(&format!("bare{round}"))).await.unwrap();
        let start = Instant::now();
        let work = (0..8).map(|w| { let db=&db; async move { for i in 0..100 {
            let tx = db.begin().await.unwrap();
            let b = tx.get_database_backend();
            let id = format!("{round}-{w}-{i}");
            tx.execute_raw(Statement::from_sql_and_values(b, "update ticket set state_id=$1, shown_state_id=$1, category=2, revision=revision+1, notify_revision=3,stamp_revision=4,version=version+1, updated_at=$2 where workspace_id=$3 and ticket_id=$4 and version=$5", ["x".into(), 1_i64.into(), "w".into(), "t".into(), 1_i64.into()])).await.unwrap();
            tx.execute_raw(Statement::from_sql_and_values(b, "insert into ticket_history (workspace_id,ticket_id,version,kind,revision,from_state_id,to_state_id,actor_id,happened_at,visible) values ($1,$2,2,2,2,'a','b','tea',1,true)", ["w".into(), id.clone().into()])).await.unwrap();
            tx.execute_raw(Statement::from_sql_and_values(b, "insert into ticket_viewer (workspace_id,ticket_id,contact_id,requester,visible,created_at,ticket_update_at,activity_at,viewer_version) values ('w',$1,'c',true,true,1,1,1,1)", [id.clone().into()])).await.unwrap();
            tx.execute_raw(Statement::from_sql_and_values(b, "insert into evlog (part,pos,event_id,type,aggregate_id,aggregate_version,contact_id,workspace_id,occurred_at,recorded_at,traceparent,payload) values (0,$1,$2,'messenger.tickets.v1.ContactTicketChanged','x',1,'c','w',1,1,'',$3)", [((w*100+i) as i64).into(), vec![1_u8;16].into(), vec![7_u8;220].into()])).await.unwrap();
            tx.execute_raw(Statement::from_sql_and_values(b, "insert into answered_request (workspace_id,actor_id,request_id,body_hash,answer,answered_at) values ('w','t',$1,$2,$3,1)", [id.into(), vec![1_u8;32].into(), vec![7_u8;420].into()])).await.unwrap();
            tx.commit().await.unwrap();
        }}});
        futures::future::join_all(work).await;
        let bare = start.elapsed();
        println!("round {round}: ours {ours:?} bare {bare:?} ratio {:.2}", bare.as_secs_f64()/ours.as_secs_f64());
    }
    let start = Instant::now();
    for _ in 0..200 { assert_eq!(desk.list(&desk.ada).await.len(), 100); }
    println!("list of 100: {:?}", start.elapsed()/200);
}
