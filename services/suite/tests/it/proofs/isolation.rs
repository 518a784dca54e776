//! The isolation matrix: every RPC of every service, called by everybody who must not get anything of it.

use tonic::Code;

use super::{
    methods::Rpc,
    rows::{Answer, Caller, Row, cells},
    stage::{CANARY, Stage, Who, reads},
    wire,
};

/// What was wrong, a line a cell; all cells are tried.
struct Sheet(Vec<String>);

impl Sheet {
    fn note(&mut self, rpc: &Rpc, cell: &str, what: impl std::fmt::Display) {
        self.0.push(format!(
            "{} at {} | {cell} | {what}",
            rpc.name(),
            rpc.process
        ));
    }

    fn must_be_clean(self) {
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n"));
    }
}

async fn ask(
    stage: &Stage,
    rpc: &Rpc,
    row: &Row,
    token: Option<&str>,
    unknown: bool,
) -> Result<String, tonic::Status> {
    let body = wire::encode(&rpc.method.input(), &stage.example(row, unknown));
    let answer = wire::call(stage.channel(rpc), &rpc.method, token, body).await?;
    Ok(wire::decode(&rpc.method.output(), answer))
}

/// Unknown, forged and ended credentials are all one; and one that lacks the scope is told which.
async fn is_kept_out(stage: &Stage, rpc: &Rpc, row: &Row, sheet: &mut Sheet) {
    if row.caller == Caller::Public {
        return;
    }
    let mut refusals = std::collections::BTreeSet::new();
    for (cell, token) in stage.bad_tokens(row.caller) {
        match ask(stage, rpc, row, token.as_deref(), false).await {
            Err(status) if status.code() == Code::Unauthenticated => {
                // who sends none knows that
                if token.is_some() {
                    refusals.insert(format!("{:?}", wire::told(&status)));
                }
            }
            other => sheet.note(rpc, cell, format!("{other:?}")),
        }
    }
    if refusals.len() > 1 {
        sheet.note(rpc, "no hint", format!("{refusals:?}"));
    }
    for (cell, token) in stage.powerless(row.caller) {
        match ask(stage, rpc, row, Some(&token), false).await {
            Err(status) if status.code() == Code::PermissionDenied => {}
            other => sheet.note(rpc, cell, format!("{other:?}")),
        }
    }
}

/// Somebody else sends what the victim could.
async fn gets_nothing(stage: &Stage, rpc: &Rpc, row: &Row, who: Who, sheet: &mut Sheet) {
    let cell = format!("{who:?}");
    let expected = match row.answer {
        Answer::Nobodys => return,
        Answer::Hidden => Some(Code::NotFound),
        Answer::Refused(code) => Some(code),
        Answer::Own => None,
    };
    let token = stage.token(row.caller, who);
    let theirs = ask(stage, rpc, row, token.as_deref(), false).await;
    // without an id in it the request is the same, and need not be made twice
    let nobodys = match stage.example(row, false) == stage.example(row, true) {
        true => theirs.clone(),
        false => ask(stage, rpc, row, token.as_deref(), true).await,
    };
    match (&theirs, &nobodys, expected) {
        (Err(a), Err(b), Some(code)) if a.code() == code => {
            let (a, b) = (wire::told(a), wire::told(b));
            if a != b {
                sheet.note(rpc, &cell, format!("a hint: {a:?} is not {b:?}"));
            }
            if a.1.is_empty() {
                sheet.note(rpc, &cell, "a refusal without a reason");
            }
        }
        (Ok(answer), Ok(_), None) if !answer.contains(CANARY) => {}
        _ => sheet.note(rpc, &cell, format!("{theirs:?}; of nobody's: {nobodys:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rpc_gives_or_changes_anything_of_another_workspace_or_contact() {
    let stage = Stage::set().await;
    let mut sheet = Sheet(Vec::new());
    let before = stage.state().await;
    for what in ["Title", "Description", "Chat", "Message", "Note"] {
        assert!(before.contains(&format!("{what} {CANARY}")), "{what}");
    }
    for (rpc, row) in cells() {
        is_kept_out(&stage, &rpc, row, &mut sheet).await;
        gets_nothing(&stage, &rpc, row, Who::Mallory, &mut sheet).await;
        if matches!(row.caller, Caller::Contact | Caller::Session) {
            gets_nothing(&stage, &rpc, row, Who::Eve, &mut sheet).await;
        }
        // what others keep is looked at when all is done
        if reads(&rpc.method) {
            continue;
        }
        let here = match rpc.process {
            // it keeps nothing itself
            "bff" => stage.state().await,
            process => stage.state_at(process).await,
        };
        if !before.contains(&here) {
            sheet.note(&rpc, "changed what is the victim's", here);
            // one cell is to blame, not all after it
            break;
        }
    }
    if stage.state().await != before {
        sheet.0.push("what is the victim's was changed".into());
    }
    // and the same requests do succeed where they may: otherwise all of this would show nothing
    for (rpc, row) in cells() {
        let token = stage.token(row.caller, Who::Right);
        if let Err(status) = ask(&stage, &rpc, row, token.as_deref(), false).await {
            sheet.note(&rpc, "whom it is for", status);
        }
    }
    sheet.must_be_clean();
}
