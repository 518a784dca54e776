//! The story itself: every promise of the Tickets space, in the order a customer meets them.

use anyhow::{Result, ensure};
use proto::{
    bff::v1::CallToActionKind::{ContinueConversation, SendMessage, ViewConversation},
    settings::v1::Platform,
    tickets::v1::StateCategory::{InProgress, Resolved, WaitingOnCustomer},
};

use super::{expect::Promise, stage::Stage};

const CRASH: &str = "The app crashes when I save";
const INVOICE: &str = "The invoice of May is missing";
const ADDRESS: &str = "Please change my address";
const LOGO: &str = "The logo is blurred";
/// Index of a Messenger.
const WEB: usize = 0;
const IOS: usize = 1;
const ANDROID: usize = 2;

/// Plays every scene; the first broken promise ends it.
pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.paper.title(
        "The Tickets space in the Messenger",
        "Maria is a customer with a Messenger on the web, on iOS and on Android. Grace works in support. \
         Red numbers are badges, a red dot is an unread ticket, and a button stands in brackets.",
    );
    appearing(stage).await?;
    updates(stage).await?;
    conversation(stage).await?;
    card_and_list(stage).await?;
    links_and_switches(stage).await?;
    stage.paper.end("Every promise was kept.");
    Ok(())
}

async fn appearing(stage: &mut Stage) -> Result<()> {
    stage.paper.scene(
        "No ticket, no space",
        "The space is on for every platform from the start, yet a customer without tickets never meets an empty one.",
    );
    stage.promise(Promise::no_space().list(&[])).await?;

    stage.paper.scene(
        "The first ticket",
        "Tickets are submitted, seen and followed in one place in the Messenger. A new ticket badges the \
         Tickets space and stands on Home's card. Its button starts the conversation.",
    );
    stage.submit(CRASH).await?;
    stage
        .promise(
            Promise::badges(1, 0)
                .card(&[CRASH])
                .list(&[CRASH])
                .button(CRASH, SendMessage),
        )
        .await?;

    stage.paper.scene(
        "Seen once, seen everywhere",
        "Reading on one device clears the badge on the others.",
    );
    stage.paper.act("On her phone, Maria opens the ticket.");
    stage.show_detail(CRASH, IOS).await?;
    stage.promise(Promise::badges(0, 0).card(&[CRASH])).await
}

async fn updates(stage: &mut Stage) -> Result<()> {
    stage.paper.scene(
        "The status changes",
        "A ticket whose status is updated badges the Tickets space.",
    );
    stage.paper.act("Grace moves the ticket to “In progress”.");
    stage.move_to(CRASH, InProgress).await?;
    stage
        .promise(
            Promise::badges(1, 0)
                .card(&[CRASH])
                .state(CRASH, "In progress"),
        )
        .await?;

    stage.paper.scene(
        "Send a Message, then Continue the Conversation",
        "The ticket's button leads to its conversation in Messages: to start it while nobody has written, to \
         continue it afterwards. Writing is not reading: the badge stays.",
    );
    stage.take_button(CRASH, SendMessage).await?;
    stage
        .maria_writes(CRASH, "It happens with large files only.")
        .await?;
    stage
        .promise(
            Promise::badges(1, 0)
                .card(&[CRASH])
                .button(CRASH, ContinueConversation),
        )
        .await?;

    stage.paper.scene(
        "Reading the conversation reads the ticket",
        "A ticket is read when its linked conversation is read, as far as it was read.",
    );
    stage.updates_shown(CRASH, 2).await?;
    stage.take_button(CRASH, ContinueConversation).await?;
    stage
        .paper
        .act("On the web, Maria reads the thread to its end.");
    stage.read_thread(CRASH, WEB).await?;
    stage.promise(Promise::badges(0, 0).card(&[CRASH])).await
}

async fn conversation(stage: &mut Stage) -> Result<()> {
    stage.paper.scene(
        "A message alone",
        "A new message without a change of status badges Messages and leaves the Tickets space alone.",
    );
    stage
        .grace_writes(CRASH, "Which version do you use?")
        .await?;
    stage.promise(Promise::badges(0, 1).card(&[CRASH])).await?;

    stage.paper.scene(
        "Both at once",
        "A ticket update and a message together badge both spaces.",
    );
    stage
        .paper
        .act("Grace moves the ticket to “Waiting on you”.");
    stage.move_to(CRASH, WaitingOnCustomer).await?;
    stage
        .grace_writes(CRASH, "Without it we cannot go on.")
        .await?;
    stage
        .promise(
            Promise::badges(1, 1)
                .card(&[CRASH])
                .state(CRASH, "Waiting on you"),
        )
        .await?;

    stage.paper.scene(
        "An answer moves the ticket",
        "When the team waits for the customer, her answer puts the ticket in progress again. That is a \
         status change too, and the open thread acknowledges it.",
    );
    stage.updates_shown(CRASH, 3).await?;
    stage.paper.act("On Android, Maria reads the thread.");
    stage.read_thread(CRASH, ANDROID).await?;
    stage.maria_writes(CRASH, "Version 7.").await?;
    stage
        .promise(
            Promise::badges(1, 0)
                .card(&[CRASH])
                .state(CRASH, "In progress"),
        )
        .await?;
    stage.updates_shown(CRASH, 4).await?;
    stage
        .paper
        .act("The open thread shows the change and says so.");
    stage.read_thread(CRASH, ANDROID).await?;
    stage.promise(Promise::badges(0, 0).card(&[CRASH])).await
}

async fn card_and_list(stage: &mut Stage) -> Result<()> {
    stage.paper.scene(
        "Four tickets, three on the card",
        "Home's card shows up to three tickets, the most recently created or updated. The list shows all, \
         the most recent activity on top.",
    );
    for title in [INVOICE, ADDRESS, LOGO] {
        stage.submit(title).await?;
    }
    stage
        .promise(
            Promise::badges(3, 0)
                .card(&[LOGO, ADDRESS, INVOICE])
                .list(&[LOGO, ADDRESS, INVOICE, CRASH]),
        )
        .await?;

    stage.paper.scene(
        "A message moves the list, not the card",
        "Messages are activity in the list; the card follows creations and changes of status alone.",
    );
    stage.grace_writes(CRASH, "Thank you, we found it.").await?;
    stage
        .promise(
            Promise::badges(3, 1)
                .card(&[LOGO, ADDRESS, INVOICE])
                .list(&[CRASH, LOGO, ADDRESS, INVOICE]),
        )
        .await?;

    stage.paper.scene(
        "Resolved",
        "A resolved ticket leaves the card, the next fills in, and it stays in the list.",
    );
    stage.paper.act("Grace resolves the ticket about the logo.");
    stage.move_to(LOGO, Resolved).await?;
    stage
        .promise(
            Promise::badges(3, 1)
                .card(&[ADDRESS, INVOICE, CRASH])
                .list(&[LOGO, CRASH, ADDRESS, INVOICE])
                .state(LOGO, "Resolved"),
        )
        .await?;

    stage.paper.scene(
        "View the Conversation",
        "A ticket whose conversation is closed leads there to view it; the ticket itself is not touched.",
    );
    stage
        .paper
        .act("Grace closes the conversation about the crash.");
    stage.close(CRASH).await?;
    stage
        .promise(
            Promise::badges(3, 1)
                .card(&[ADDRESS, INVOICE, CRASH])
                .button(CRASH, ViewConversation),
        )
        .await?;
    stage.take_button(CRASH, ViewConversation).await
}

async fn links_and_switches(stage: &mut Stage) -> Result<()> {
    stage.paper.scene(
        "One shared ticket a conversation",
        "A conversation has one linked ticket that the customer sees, and never a second.",
    );
    stage
        .paper
        .act("Grace tries to put a second ticket on the same conversation.");
    let reason = stage.second_ticket(CRASH).await?;
    ensure!(
        reason == "SHARED_TICKET_EXISTS",
        "the refusal's reason is {reason}"
    );
    stage.paper.act(&format!("Refused: {reason}."));
    stage
        .promise(Promise::badges(3, 1).card(&[ADDRESS, INVOICE, CRASH]))
        .await?;

    stage.paper.scene(
        "Off on the web",
        "The space can be turned off for each platform. There it disappears with its badge and the card; the \
         tickets are still reached from Messages, where each conversation carries its ticket.",
    );
    stage
        .paper
        .act("Grace turns the Tickets space off on the web.");
    stage.switch(Platform::Web, false).await?;
    stage
        .promise(
            Promise::badges(3, 1)
                .card(&[ADDRESS, INVOICE, CRASH])
                .off("WEB"),
        )
        .await?;
    let pills = stage.pills().await?;
    ensure!(
        pills.len() == 4,
        "Messages shows {} tickets, should show 4",
        pills.len()
    );
    stage.paper.act("Messages on the web:");
    for pill in pills {
        stage.paper.act(&format!("  {pill}"));
    }

    stage.paper.scene(
        "On again",
        "Turning it on again brings everything back as it is by now.",
    );
    stage
        .paper
        .act("Meanwhile Grace moves the invoice to “In progress”; then she turns the space on.");
    stage.move_to(INVOICE, InProgress).await?;
    stage.switch(Platform::Web, true).await?;
    stage
        .promise(Promise::badges(3, 1).card(&[INVOICE, ADDRESS, CRASH]))
        .await?;

    stage.paper.scene(
        "All resolved, all read",
        "Without an active ticket there is no card. The space stays: resolved tickets are still the customer's.",
    );
    for title in [CRASH, INVOICE, ADDRESS] {
        stage.move_to(title, Resolved).await?;
    }
    stage.paper.act("Grace resolves the rest.");
    stage
        .promise(Promise::badges(4, 1).list(&[ADDRESS, INVOICE, CRASH, LOGO]))
        .await?;
    for (title, updates) in [(CRASH, 5), (INVOICE, 3), (ADDRESS, 2), (LOGO, 2)] {
        stage.updates_shown(title, updates).await?;
        stage.read_thread(title, IOS).await?;
    }
    stage.paper.act("Maria reads every thread on her phone.");
    stage
        .promise(Promise::badges(0, 0).list(&[ADDRESS, INVOICE, CRASH, LOGO]))
        .await
}
