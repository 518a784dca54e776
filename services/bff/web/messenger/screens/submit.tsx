import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { useApp } from '../context'
import { t } from '../i18n'
import type { Form } from '../model'
import { type Failure, failure } from '../state/failure'
import { type Errors, validate } from '../state/submission'
import { Header, Problem, Skeleton } from '../ui/parts'

/** A form for a new ticket. What was typed stays until it was taken. */
export function SubmitScreen() {
  const app = useApp()
  const forms = useSignal<Form[] | undefined>(undefined)
  const missing = useSignal<Failure | undefined>(undefined)
  const load = async () => {
    try {
      forms.value = await app.api.forms()
    } catch (thrown) {
      missing.value = failure(thrown)
    }
  }
  // what could not be fetched is fetched once there is a connection again, without anybody asking for it
  const connected = app.connection.value.lostAt === undefined
  useEffect(() => {
    if (!forms.value && (connected || !missing.value)) load()
  }, [connected])
  return (
    <div class="screen">
      <Header title={t('submit')} />
      {forms.value?.length ? (
        <Fields forms={forms.value} />
      ) : (
        <div class="scroll">
          {forms.value ? (
            <p class="empty">{t('submit.none')}</p>
          ) : missing.value ? (
            <Problem text={t('error.forms')} failure={missing.value} again={load} />
          ) : (
            <Skeleton rows={2} kind="block" />
          )}
        </div>
      )}
    </div>
  )
}

function Fields({ forms }: { forms: Form[] }) {
  const app = useApp()
  const type = useSignal(forms[0]?.id ?? '')
  const errors = useSignal<Errors>({})
  const problem = useSignal<Failure | undefined>(undefined)
  const busy = useSignal(false)
  // the same until it was taken: a second try makes no second ticket
  const requestId = useRef(crypto.randomUUID())
  const title = useRef<HTMLInputElement>(null)
  const description = useRef<HTMLTextAreaElement>(null)
  const draft = (field: string) => app.drafts.value[`submit-${field}`] ?? ''
  const type_ = (field: string, text: string) => {
    app.drafts.value = { ...app.drafts.value, [`submit-${field}`]: text }
    // another text is another request
    requestId.current = crypto.randomUUID()
  }
  const send = async () => {
    const values = { title: draft('title').trim(), description: draft('description').trim() }
    errors.value = validate(values)
    if (errors.value.title) return title.current?.focus()
    if (errors.value.description) return description.current?.focus()
    busy.value = true
    problem.value = undefined
    try {
      await app.submit({ requestId: requestId.current, typeId: type.value, ...values })
      app.drafts.value = { ...app.drafts.value, 'submit-title': '', 'submit-description': '' }
    } catch (thrown) {
      problem.value = failure(thrown)
    }
    busy.value = false
  }
  return (
    <form
      class="submit"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <div class="scroll fields">
        {forms.length > 1 && (
          <div class="field">
            <label for="type">{t('submit.type')}</label>
            <select
              id="type"
              value={type.value}
              onChange={(event) => {
                type.value = event.currentTarget.value
                requestId.current = crypto.randomUUID()
              }}
            >
              {forms.map((form) => (
                <option key={form.id} value={form.id}>
                  {form.name}
                </option>
              ))}
            </select>
          </div>
        )}
        <div class="field">
          <label for="title">{t('submit.title')}</label>
          <input
            id="title"
            ref={title}
            type="text"
            dir="auto"
            required
            value={draft('title')}
            aria-invalid={!!errors.value.title}
            aria-describedby="title-error"
            onInput={(event) => type_('title', event.currentTarget.value)}
          />
          <p class="field-error" id="title-error" role={errors.value.title && 'alert'}>
            {errors.value.title && t(errors.value.title)}
          </p>
        </div>
        <div class="field">
          <label for="description">
            {t('submit.description')} <span class="muted">({t('submit.optional')})</span>
          </label>
          <textarea
            id="description"
            ref={description}
            rows={6}
            dir="auto"
            value={draft('description')}
            aria-invalid={!!errors.value.description}
            aria-describedby="description-error"
            onInput={(event) => type_('description', event.currentTarget.value)}
          />
          <p class="field-error" id="description-error" role={errors.value.description && 'alert'}>
            {errors.value.description && t(errors.value.description)}
          </p>
        </div>
      </div>
      <div class="foot">
        {problem.value && <Problem small text={t('error.submit')} failure={problem.value} again={send} />}
        <button type="submit" class="action" disabled={busy.value}>
          {busy.value ? t('sending') : t('submit.send')}
        </button>
      </div>
    </form>
  )
}
