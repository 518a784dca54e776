-- The statements of ChangeTicketState's transaction, in its order; each client has tickets of its own.
\set ticket random(0, 17) * 8 + :client_id
\set part random(0, 15)
\set now random(1, 1000000000)
begin;
update ticket set title = 'Ticket', description = '', state_id = 'b', shown_state_id = 'b', category = 2, open = true, assignee_id = null, conversation_id = null, link_generation = 1, shared = true, deleted = false, revision = revision + 1, notify_revision = notify_revision + 1, stamp_revision = stamp_revision + 1, waiting_revision = 0, version = version + 1, updated_at = :now::bigint where workspace_id = 'wsp' and ticket_id = 'tkt_' || lpad(to_hex(:ticket::bigint), 32, '0') returning ticket_id, version \gset
insert into ticket_history (workspace_id, ticket_id, version, kind, revision, from_state_id, to_state_id, actor_id, happened_at, visible) values ('wsp', :ticket_id::text, :version::bigint, 2, :version::bigint, 'a', 'b', 'tea', :now::bigint, true);
insert into ticket_viewer (workspace_id, ticket_id, contact_id, requester, visible, created_at, ticket_update_at, activity_at, viewer_version) values ('wsp', :ticket_id::text, 'con', true, true, 0, :now::bigint, :now::bigint, :version::bigint) on conflict (workspace_id, ticket_id, contact_id) do update set visible = excluded.visible, ticket_update_at = excluded.ticket_update_at, activity_at = excluded.activity_at, viewer_version = excluded.viewer_version where ticket_viewer.viewer_version = excluded.viewer_version - 1;
select pg_advisory_xact_lock(7001, :part::int);
insert into evlog (part, pos, event_id, type, aggregate_id, aggregate_version, contact_id, workspace_id, occurred_at, recorded_at, traceparent, payload) select :part::int, coalesce((select max(pos) from evlog where evlog.part = :part::int), (select floor_pos from evlog_head where evlog_head.part = :part::int), 0) + 1, uuid_send(gen_random_uuid()), 'messenger.tickets.v1.ContactTicketChanged', :ticket_id::text, :version::bigint, 'con', 'wsp', :now::bigint, :now::bigint, '', decode(repeat('07', 220), 'hex') returning event_id, pos;
insert into answered_request (workspace_id, actor_id, request_id, body_hash, answer, answered_at) values ('wsp', 'tea', gen_random_uuid()::text, decode(repeat('07', 32), 'hex'), decode(repeat('07', 420), 'hex'), :now::bigint);
commit;
