/**
 * Screenshots of every state of the panel and every screen of the console, to be looked at:
 * node e2e/shots.mjs FOLDER [variant …]; the console's variants are console-light and so on.
 * Starts a suite of its own, or uses the shop at SHOP, which has no console to log in to.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CONSOLE_VARIANTS, visitConsole } from './console-screens.mjs'
import { Customer, startBrowser, startSuite } from './world.mjs'

const [folder = '/tmp/messenger-shots', ...wanted] = process.argv.slice(2)

export const VARIANTS = {
  light: { asked: { theme: 'light' } },
  dark: { asked: { theme: 'dark' } },
  rtl: { asked: { lang: 'ar' } },
  phone: { asked: {}, context: { viewport: { width: 320, height: 640 } } }
}

const any = (customer, selector) => customer.main.locator(selector).first().waitFor()
async function called(customer, selector, ...call) {
  await customer.call(...call)
  await any(customer, selector)
}
/** What leads to each state, and what is there when it is reached. */
export const STATES = {
  home: { user: 'ada', go: (one) => any(one, '.card') },
  'home-without-tickets': { user: 'ben', go: (one) => any(one, '.card') },
  messages: { user: 'ada', go: (one) => called(one, '.row', 'showMessages') },
  tickets: { user: 'ada', go: (one) => called(one, '.row', 'showSpace', 'tickets') },
  ticket: { user: 'ada', go: (one) => called(one, '.steps', 'showTicket', 2) },
  'ticket-resolved': { user: 'ada', go: (one) => called(one, '.steps', 'showTicket', 1) },
  'ticket-missing': { user: 'ada', go: (one) => called(one, '.empty', 'showTicket', 999) },
  conversation: {
    user: 'ada',
    go: async (one) => {
      await one.call('showTicket', 2)
      await one.main.locator('.foot .action').click()
      await any(one, '.bubble')
    }
  },
  'conversation-start': {
    user: 'ada',
    go: async (one) => {
      await one.call('showTicket', 4)
      await one.main.locator('.foot .action').click()
      await any(one, '.start')
    }
  },
  'conversation-closed': {
    user: 'ben',
    go: async (one) => {
      await one.call('showMessages')
      await one.main.locator('.row').first().click()
      await any(one, '.notice')
    }
  },
  'conversation-new': {
    user: 'ada',
    go: (one) => called(one, '.composer', 'showNewMessage', 'Hello')
  },
  submit: {
    user: 'ada',
    go: async (one) => {
      await one.call('showSpace', 'home')
      await one.main.locator('[data-row=begin-submit]').click()
      await one.main.locator('button.action').click()
      await any(one, '[role=alert]')
    }
  },
  error: {
    user: 'ada',
    go: async (one) => {
      await one.page.route('**/ListConversations', (route) =>
        route.fulfill({ status: 500, headers: { 'x-request-id': 'req_7f3a' }, json: { code: 'internal' } })
      )
      await one.call('showMessages')
      await any(one, '.problem')
    }
  },
  offline: {
    user: 'ada',
    go: async (one) => {
      await one.call('showSpace', 'tickets')
      await any(one, '.row')
      await one.context.setOffline(true)
      await any(one, '.strip.offline')
    }
  }
}

/**
 * One customer for all states of one variant and user; each state begins where the last one ended.
 * Answers which states were not reached, and why.
 */
export async function visit(browser, suite, variant, see) {
  const { asked, context = {} } = VARIANTS[variant]
  const missed = []
  for (const user of ['ada', 'ben']) {
    const customer = await Customer.open(browser, suite, { user, ...asked }, context)
    await customer.show()
    for (const [state, { go, user: whose }] of Object.entries(STATES))
      if (whose === user) {
        try {
          await go(customer)
          await see(customer, state)
        } catch (error) {
          // the others are worth a look all the same
          missed.push(`${state}: ${error.message.split('\n')[0]}`)
        }
      }
    await customer.close()
  }
  return missed
}

/** What fades in has faded in. */
const faded = (page) =>
  page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter((one) => one.effect.getTiming().iterations !== Number.POSITIVE_INFINITY)
        .map((one) => one.finished)
    )
  )

function tell(missed, variant) {
  for (const one of missed) console.error(`not reached in ${variant}: ${one}`)
  if (missed.length) process.exitCode = 1
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  mkdirSync(folder, { recursive: true })
  const suite = process.env.SHOP ? { shop: process.env.SHOP } : await startSuite()
  const browser = await startBrowser()
  try {
    const all = suite.app ? Object.keys(CONSOLE_VARIANTS).map((variant) => `console-${variant}`) : []
    for (const variant of wanted.length ? wanted : [...Object.keys(VARIANTS), ...all]) {
      if (variant.startsWith('console-')) {
        const missed = await visitConsole(
          browser,
          suite,
          variant.slice('console-'.length),
          async ({ page }, screen) => {
            await faded(page)
            await page.screenshot({ path: join(folder, `${screen}-${variant}.png`) })
            console.log(`${screen}-${variant}`)
          }
        )
        tell(missed, variant)
        continue
      }
      const missed = await visit(browser, suite, variant, async (customer, state) => {
        await faded(customer.page)
        const whole = customer.page.viewportSize().width < 500
        const target = whole ? customer.page : customer.page.locator('msgr-messenger dialog')
        await target.screenshot({ path: join(folder, `${state}-${variant}.png`) })
        console.log(`${state}-${variant}`)
      })
      tell(missed, variant)
    }
  } finally {
    await browser.close()
    await suite.stop?.()
  }
}
