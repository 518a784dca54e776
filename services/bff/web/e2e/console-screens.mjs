/** Every screen of the console: what leads there, and what is there when it is reached. */
import { Teammate } from './world.mjs'

export const CONSOLE_VARIANTS = {
  light: {},
  dark: { colorScheme: 'dark' },
  tablet: { viewport: { width: 900, height: 1100 } },
  phone: { viewport: { width: 360, height: 740 } }
}

const SETTINGS = '/console/settings/channels/messenger'
const visible = (one, selector) => one.page.locator(selector).first().waitFor()
const onTablet = (one) => one.page.viewportSize().width < 1280
async function ticket(one, number) {
  await one.go(`/console/tickets/${number}`)
  await visible(one, '.part')
}
/** On small screens what belongs to a ticket is shown when it is asked for. */
async function aside(one) {
  if (onTablet(one)) await one.button('Show details').click()
  await visible(one, '.side-pane')
}
const refuse = (one, method, answer) =>
  one.page.route(`**/messenger.bff.v1.ConsoleService/${method}`, (route) => route.fulfill(answer))
const broken = { status: 500, headers: { 'x-request-id': 'req_7f3a' }, json: { code: 'internal' } }

export const CONSOLE_SCREENS = {
  inbox: {
    async go(one) {
      await one.go('/console/tickets')
      await visible(one, '.row')
    }
  },
  'inbox-empty': {
    async go(one) {
      await one.go('/console/tickets?state=resolved&q=nothing')
      await visible(one, '.empty')
    }
  },
  'inbox-error': {
    async go(one) {
      await refuse(one, 'ListInbox', broken)
      await one.go('/console/tickets')
      await visible(one, '.problem')
    }
  },
  ticket: { go: (one) => ticket(one, 2) },
  'ticket-note': {
    async go(one) {
      await ticket(one, 2)
      await one.page.getByRole('tab', { name: 'Note' }).click()
      await one.message.fill('He called: number 12, second floor.')
    }
  },
  'ticket-side': {
    async go(one) {
      await ticket(one, 2)
      await aside(one)
    }
  },
  'ticket-send-set': {
    async go(one) {
      await ticket(one, 2)
      await one.message.fill('Thank you, we have changed it.')
      await one.button('Send and set state…').click()
      await visible(one, '.menu')
    }
  },
  'ticket-half': {
    async go(one) {
      await ticket(one, 2)
      await refuse(one, 'ReplyToTicket', { json: { stateProblem: 'The state is archived: choose another one.' } })
      await one.message.fill('Thank you.')
      await one.button('Send').click()
      await visible(one, '.half')
    }
  },
  'ticket-unlinked': {
    async go(one) {
      const { ticket: made } = await one.suite.call('TicketService/GetTicket', { ticket_id: '3' })
      await one.page.route('**/messenger.bff.v1.ConsoleService/GetInboxTicket', async (route) => {
        const answer = await (await route.fetch()).json()
        delete answer.conversation
        delete answer.ticket.conversationId
        delete answer.ticket.shared
        await route.fulfill({ json: answer })
      })
      await one.go(`/console/tickets/${made.number}`)
      await visible(one, '.composer-off')
      await aside(one)
    }
  },
  'ticket-link': {
    async go(one) {
      await CONSOLE_SCREENS['ticket-unlinked'].go(one)
      await one.button('Link conversation').click()
      await visible(one, '.choice')
    }
  },
  'ticket-missing': {
    async go(one) {
      await one.go('/console/tickets/999')
      await visible(one, '.ticket .empty')
    }
  },
  'ticket-create': {
    async go(one) {
      await one.go('/console/tickets')
      await visible(one, '.row')
      await one.button('New ticket').click()
      await visible(one, 'dialog')
    }
  },
  'ticket-find': {
    async go(one) {
      await CONSOLE_SCREENS['ticket-create'].go(one)
      await one.page.locator('#create-requester').fill('a')
      await visible(one, '#create-requester-list [role=option]')
    }
  },
  'inbox-narrow': {
    async go(one) {
      await one.go('/console/tickets')
      await visible(one, '.row')
      await one.button('Filter').click()
      await one.page.locator('#narrow-requester').fill('a')
      await visible(one, '#narrow-requester-list [role=option]')
    }
  },
  keys: {
    async go(one) {
      await one.go('/console/tickets')
      await visible(one, '.row')
      await one.page.keyboard.press('?')
      await visible(one, 'dialog')
    }
  },
  ended: {
    async go(one) {
      await refuse(one, '*', { status: 401, json: { code: 'unauthenticated' } })
      await one.page.goto(`${one.suite.bff}/console/tickets`)
      await visible(one, 'dialog')
    }
  },
  offline: {
    async go(one) {
      await ticket(one, 2)
      await one.context.setOffline(true)
      await visible(one, '.strip.offline')
    },
    leave: (one) => one.context.setOffline(false)
  },
  general: {
    async go(one) {
      await one.go(`${SETTINGS}/general`)
      await visible(one, '.names')
    }
  },
  spaces: {
    async go(one) {
      await one.go(`${SETTINGS}/content`)
      await visible(one, '[role=switch]')
      await one.page.frameLocator('.preview iframe').locator('.card').first().waitFor()
    }
  },
  security: {
    async go(one) {
      await one.go(`${SETTINGS}/security`)
      await visible(one, '[role=switch]')
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const header = { alg: 'HS256', kid: 'idk_41f2' }
      const claims = { user_id: 'ada', name: 'Ada Lovelace', aud: one.suite.app, iat: 1795000000, exp: 1795003600 }
      await one.page.getByLabel('User token', { exact: true }).fill(`${part(header)}.${part(claims)}.c2lnbmF0dXJl`)
      await one.button('Test token').click()
      await visible(one, '.verdict')
    }
  },
  'security-secret': {
    async go(one) {
      const key = { keyId: 'idk_7d21c0aa41f24c1c', platform: 'PLATFORM_WEB' }
      await refuse(one, 'CreateKey', { json: { key, secret: 'b3BlbnNlc2FtZS1vcGVuc2VzYW1lLW9wZW5zZXNhbWU' } })
      await one.go(`${SETTINGS}/security`)
      await one.button('Create key').click()
      await visible(one, 'dialog')
    }
  },
  'security-revoke': {
    async go(one) {
      await one.go(`${SETTINGS}/security`)
      await one
        .button(/^Revoke idk_/)
        .first()
        .click()
      await visible(one, 'dialog')
    }
  },
  install: {
    async go(one) {
      await one.go(`${SETTINGS}/install`)
      await visible(one, 'pre')
    }
  },
  changes: {
    async go(one) {
      await one.go(`${SETTINGS}/changes`)
      await visible(one, '.change')
    }
  },
  missing: {
    async go(one) {
      await one.go('/console/elsewhere')
      await visible(one, 'h1')
    }
  },
  'viewer-ticket': { name: 'Kay Antonelli', go: (one) => ticket(one, 2) },
  'viewer-spaces': {
    name: 'Kay Antonelli',
    async go(one) {
      await one.go(`${SETTINGS}/content`)
      await visible(one, '.notice')
    }
  }
}

/** Goes to every screen of one variant; answers which were not reached, and why. */
export async function visitConsole(browser, suite, variant, see, only = '') {
  const missed = []
  for (const name of ['Grace Hopper', 'Kay Antonelli']) {
    const one = await Teammate.open(browser, suite, { name, ...CONSOLE_VARIANTS[variant] })
    for (const [screen, { go, leave, name: whose = 'Grace Hopper' }] of Object.entries(CONSOLE_SCREENS))
      if (whose === name && screen.includes(only)) {
        try {
          await go(one)
          await see(one, screen)
        } catch (error) {
          // the others are worth a look all the same
          missed.push(`${screen}: ${error.message.split('\n')[0]}`)
        }
        await leave?.(one)
        await one.page.unrouteAll({ behavior: 'ignoreErrors' })
      }
    await one.close()
  }
  return missed
}
