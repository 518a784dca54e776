//! API tokens.

use proto::settings::v1::{
    CreateApiTokenRequest, CreateApiTokenResponse, ExchangeTokenRequest, ExchangeTokenResponse,
    ListApiTokensRequest, ListApiTokensResponse, RevokeApiTokenRequest, RevokeApiTokenResponse,
};
use runtime::{Actor, ActorKind};
use secrecy::ExposeSecret;
use types::micros;

use super::{Service, random};
use crate::{
    Error, convert,
    domain::{
        Action, ApiToken, ApiTokenId, Entry, Presented, first_above, first_lacking, mint_api_token,
    },
    store,
};

pub(super) async fn create_api_token(
    service: &Service,
    actor: &Actor,
    request: CreateApiTokenRequest,
) -> Result<CreateApiTokenResponse, Error> {
    let workspace = actor.workspace()?;
    let now = service.now();
    let new = convert::new_api_token(&request, now)?;
    if let Some(lacking) = first_lacking(&new.scopes, |scope| actor.may(scope)) {
        return Err(Error::LacksScope(lacking));
    }
    let token = ApiToken {
        id: ApiTokenId::generate(),
        name: new.name,
        teammate: new.teammate,
        scopes: new.scopes,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let (text, hash) = mint_api_token(&token.id, random());
    let work = service.log.begin_of(workspace).await?;
    if !store::workspaces::exists(work.tx(), workspace).await? {
        return Err(Error::NotFound("workspace"));
    }
    if let Some(id) = &token.teammate {
        let teammate = store::teammates::find(work.tx(), workspace, id)
            .await?
            .ok_or(Error::NotFound("teammate"))?;
        if !teammate.active {
            return Err(Error::TeammateInactive);
        }
        if let Some(scope) = first_above(teammate.role, &token.scopes) {
            return Err(Error::RoleTooLow(scope, teammate.role));
        }
    }
    let entry = Entry::new(
        Action::ApiTokenCreated,
        &actor.id,
        token.id.as_str(),
        "",
        description(&token),
        now,
    );
    store::tokens::insert(work.tx(), workspace, &token, hash).await?;
    store::audit::insert(work.tx(), workspace, &entry).await?;
    work.commit().await?;
    Ok(CreateApiTokenResponse {
        token: Some(convert::api_token(token)),
        secret: text.expose_secret().into(),
    })
}

pub(super) async fn list_api_tokens(
    service: &Service,
    actor: &Actor,
    _: ListApiTokensRequest,
) -> Result<ListApiTokensResponse, Error> {
    let tokens = store::tokens::list(&service.of(actor.workspace()?), actor.workspace()?).await?;
    Ok(ListApiTokensResponse {
        tokens: tokens.into_iter().map(convert::api_token).collect(),
    })
}

pub(super) async fn revoke_api_token(
    service: &Service,
    actor: &Actor,
    request: RevokeApiTokenRequest,
) -> Result<RevokeApiTokenResponse, Error> {
    let workspace = actor.workspace()?;
    let token_id = convert::api_token_id(&request)?;
    let now = service.now();
    let work = service.log.begin_of(workspace).await?;
    let token = store::tokens::find(work.tx(), workspace, &token_id)
        .await?
        .ok_or(Error::NotFound("token"))?;
    if store::tokens::revoke(work.tx(), workspace, &token.id, micros(now)).await? {
        let entry = Entry::new(
            Action::ApiTokenRevoked,
            &actor.id,
            token.id.as_str(),
            description(&token),
            "revoked",
            now,
        );
        store::audit::insert(work.tx(), workspace, &entry).await?;
        work.commit().await?;
    }
    Ok(RevokeApiTokenResponse {})
}

/// What a teammate's token may do is what their role allows now, whatever it was when the token was made.
pub(super) async fn exchange_token(
    service: &Service,
    request: ExchangeTokenRequest,
) -> Result<ExchangeTokenResponse, Error> {
    let presented = Presented::parse(&request.token).ok_or(Error::Unauthenticated)?;
    let token = store::tokens::find_good(service.of_all(), &presented.id, micros(service.now()))
        .await?
        .filter(|token| presented.is(&token.hash))
        .ok_or(Error::Unauthenticated)?;
    let now = micros(service.now());
    service.uses.token(&token.workspace, &presented.id, now);
    let mut scopes = token.scopes;
    let (kind, id, name) = match token.teammate {
        Some((id, name, role)) => {
            scopes.retain(|scope| role.allows(*scope));
            (ActorKind::Teammate, id.into(), name)
        }
        None => (ActorKind::Service, presented.id.into(), token.name),
    };
    let assertion = service.keys.sign(&Actor {
        workspace: Some(token.workspace),
        kind,
        id,
        name,
        scopes: scopes
            .into_iter()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
    })?;
    Ok(convert::assertion(assertion))
}

/// What the audit says of a token.
fn description(token: &ApiToken) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    match &token.teammate {
        Some(teammate) => format!("{}, as {teammate}: {}", token.name, scopes.join(" ")),
        None => format!("{}: {}", token.name, scopes.join(" ")),
    }
}
