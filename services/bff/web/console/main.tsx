/** Starts the teammates' console. */
import './styles/index.css'
import { render } from 'preact'
import { startTicking } from '../kit/time'
import { connect } from '../rpc/connect'
import { Provide } from './context'
import { Shell } from './shell'
import { createDesk } from './state/desk'

const desk = createDesk(connect('', () => undefined, 'same-origin'))
addEventListener('popstate', () => desk.arrive())
addEventListener('online', () => {
  desk.online.value = true
})
addEventListener('offline', () => {
  desk.online.value = false
})
startTicking()
desk.loadTeam()
desk.arrive()
const root = document.getElementById('root')
if (root)
  render(
    <Provide value={desk}>
      <Shell />
    </Provide>,
    root
  )
