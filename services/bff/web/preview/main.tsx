/**
 * The Messenger as customers would see it, in a frame of the console's: its own screens over a server that is not
 * there. It asks for nothing and sends nothing; its page's policy would not let it.
 */
import './preview.css'
import { render } from 'preact'
import { Provide } from '../messenger/context'
import { startTicking } from '../messenger/i18n/time'
import { Shell } from '../messenger/shell'
import { previewed } from './app'

let tickets = true
const app = previewed(() => tickets)

// a switch that is turned beside the preview keeps the focus, whatever appears or vanishes in here
const take = HTMLElement.prototype.focus
HTMLElement.prototype.focus = function (options) {
  if (document.hasFocus()) take.call(this, options)
}

addEventListener('message', ({ data, origin, source }) => {
  if (origin !== location.origin || source !== parent || typeof data?.tickets !== 'boolean') return
  tickets = data.tickets
  app.loadHome()
})

const root = document.getElementById('root')
if (root)
  render(
    <Provide value={app}>
      <Shell />
    </Provide>,
    root
  )
startTicking()
app.loadHome()
