/** A new ticket for somebody who has asked for one: the customer in view, or one of the list. */
import { useSignal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import { useDesk } from '../context'
import { t } from '../i18n'
import type { Contact } from '../model'
import { failure } from '../state/failure'
import { says } from '../state/says'
import { Dialog, nameOf, Wrong } from '../ui/parts'
import { DESCRIPTION, TITLE } from './describe'

export function CreateDialog({ close }: { close: () => void }) {
  const desk = useDesk()
  const inView = desk.opened.opened.value.detail
  // the window shows whom it opened with, whatever the list does behind it
  const contacts = useMemo(() => {
    const all = [...(inView?.requesters ?? []), ...desk.inbox.list.value.rows.flatMap((row) => row.requester ?? [])]
    return [...new Map(all.map((one): [string, Contact] => [one.id, one])).values()]
  }, [])
  /** The id under which the same was sent before. */
  const sent = useRef({ key: '', requestId: '' })
  const types = desk.team.value?.types.filter((type) => !type.archived) ?? []
  const requester = useSignal(contacts[0]?.id ?? '')
  const type = useSignal(types[0]?.id ?? '')
  const here = useSignal(false)
  const title = useSignal('')
  const description = useSignal('')
  const busy = useSignal(false)
  const problem = useSignal('')
  const chosen = types.find((one) => one.id === type.value)
  const ofView =
    inView?.ticket.conversationId && inView.ticket.requesterIds.includes(requester.value)
      ? inView.ticket.conversationId
      : ''
  const create = async () => {
    busy.value = true
    problem.value = ''
    const body = {
      requesterContactId: requester.value,
      typeId: type.value,
      title: title.value.trim(),
      description: description.value.trim(),
      conversationId: here.value ? ofView : ''
    }
    const key = JSON.stringify(body)
    if (sent.current.key !== key) sent.current = { key, requestId: crypto.randomUUID() }
    try {
      const ticket = await desk.api.create({ requestId: sent.current.requestId, ...body })
      close()
      desk.tell(t('create.done', { number: ticket.number }))
      desk.follow(desk.ticketAddress(ticket.id))
      desk.reloadList()
    } catch (thrown) {
      problem.value = says(failure(thrown), 'ticket')
    }
    busy.value = false
  }
  if (!contacts.length)
    return (
      <Dialog title={t('create.title')} close={close}>
        <p>{t('create.nobody')}</p>
      </Dialog>
    )
  return (
    <Dialog title={t('create.title')} close={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          if (title.value.trim() && !busy.value) create()
        }}
      >
        <label>
          {t('requester')}
          <select value={requester.value} onChange={(event) => (requester.value = event.currentTarget.value)}>
            {contacts.map((one) => (
              <option key={one.id} value={one.id}>
                {nameOf(one)}
                {one.email && one.name && ` (${one.email})`}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('type')}
          <select
            value={type.value}
            aria-describedby="type-hint"
            onChange={(event) => (type.value = event.currentTarget.value)}
          >
            {types.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        <p class="muted" id="type-hint">
          {chosen && t(chosen.customer ? 'type.customer' : 'type.back_office')}
        </p>
        <label>
          {t('title')}
          <input
            type="text"
            required
            maxLength={TITLE}
            dir="auto"
            value={title.value}
            onInput={(event) => (title.value = event.currentTarget.value)}
          />
        </label>
        <label>
          {t('description')}
          <textarea
            rows={4}
            maxLength={DESCRIPTION}
            dir="auto"
            value={description.value}
            onInput={(event) => (description.value = event.currentTarget.value)}
          />
        </label>
        {ofView && (
          <label class="check">
            <input
              type="checkbox"
              checked={here.value}
              onChange={(event) => (here.value = event.currentTarget.checked)}
            />
            {t('create.here', { number: inView?.ticket.number ?? 0 })}
          </label>
        )}
        <Wrong text={problem.value} />
        <div class="buttons">
          <button type="button" class="button" onClick={close}>
            {t('cancel')}
          </button>
          <button type="submit" class="button main" disabled={busy.value}>
            {t('create.do')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
