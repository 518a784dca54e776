import { t } from '../i18n'
import { Dialog } from '../ui/parts'

interface Props {
  title: string
  text: string
  action: string
  run: () => unknown
  close: () => void
}

/** Asks before something that is not easily taken back. */
export function Confirm({ title, text, action, run, close }: Props) {
  return (
    <Dialog title={title} close={close}>
      <p>{text}</p>
      <div class="buttons">
        <button type="button" class="button" onClick={close}>
          {t('cancel')}
        </button>
        <button type="button" class="button danger" onClick={() => run()}>
          {action}
        </button>
      </div>
    </Dialog>
  )
}
