import { t } from '../i18n'
import { keysOn, turnKeys } from './keys'
import { Dialog } from './parts'

const KEYS = [
  ['j', 'keys.j'],
  ['k', 'keys.k'],
  ['Enter', 'keys.enter'],
  ['e', 'keys.e'],
  ['r', 'keys.r'],
  ['Ctrl + Enter', 'keys.send'],
  ['?', 'keys.help']
] as const

export function KeysDialog({ close }: { close: () => void }) {
  return (
    <Dialog title={t('keys')} close={close}>
      <dl class="keys">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={keysOn.value} onChange={(event) => turnKeys(event.currentTarget.checked)} />
        {t('keys.on')}
      </label>
    </Dialog>
  )
}
