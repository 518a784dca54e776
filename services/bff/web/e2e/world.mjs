/** The whole product on this machine, a browser, and the people in front of it. */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

const run = promisify(execFile)
// what is told to end does what it does at its end
process.once('SIGTERM', () => process.exit(1))
const here = new URL('..', import.meta.url).pathname
const dist = join(here, 'dist')
/** The suite's binary: said by SUITE, else as cargo builds it. */
const binary = process.env.SUITE ?? join(here, '../../../target/debug/suite')
const chrome = process.env.CHROMIUM ?? '/usr/bin/chromium'

for (const [path, how] of [
  [binary, 'cargo build -p suite'],
  [join(dist, 'index.html'), 'npm run build'],
  [chrome, 'install the package chromium, or say CHROMIUM=…']
])
  if (!existsSync(path)) throw new Error(`${path} is missing: ${how}`)

/** What is waited for comes within this time, in milliseconds, else the test fails. */
export const PATIENCE = Number(process.env.PATIENCE ?? 30_000)

/** The suite is up, and down again, within these times, in milliseconds. */
const START = 60_000
const STOP = 20_000

/** The first of seven ports in a row that nobody has. */
async function ports() {
  const free = (port) =>
    new Promise((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 9_000)
    const all = await Promise.all(Array.from({ length: 7 }, (_, at) => free(first + at)))
    if (all.every(Boolean)) return first
  }
}

/** Starts everything on fresh data. `separate` gives each service a process of its own. */
export async function startSuite({ separate = false } = {}) {
  const data = mkdtempSync(join(tmpdir(), 'messenger-e2e-'))
  const port = await ports()
  const args = ['run', '--data', data, '--port', String(port), '--web', dist, ...(separate ? ['--separate'] : [])]
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  // a run that is cut short leaves no process behind
  const end = () => child.kill('SIGINT')
  process.once('exit', end)
  await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${why}:\n${said}`))
    const late = setTimeout(() => fail(`the suite did not start within ${START} ms`), START)
    const hear = (text) => {
      said += text
      if (!said.includes('Ctrl-C stops')) return
      clearTimeout(late)
      resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', () => fail('the suite ended'))
  })
  const suite = {
    bff: `http://127.0.0.1:${port}`,
    shop: `http://127.0.0.1:${port + 5}`,
    data,
    /** The newest process of a service, with `separate`. */
    process: (service) => {
      const lines = said.split('\n').filter((line) => line.startsWith(service) && line.includes('process '))
      return Number(/process (\d+)/.exec(lines.at(-1))?.[1])
    },
    /** Carries out a call as somebody. */
    async call(method, body = {}, as = 'grace') {
      const call = ['call', method, JSON.stringify(body), '--as', as, '--data', data]
      const { stdout } = await run(binary, call, { timeout: PATIENCE })
      return JSON.parse(stdout || '{}')
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP)
      await ended
      clearTimeout(late)
      process.removeListener('exit', end)
      rmSync(data, { recursive: true, force: true })
    }
  }
  suite.app = JSON.parse(readFileSync(join(data, 'access.json'), 'utf8')).app_id
  const { states } = await suite.call('TicketTypeService/ListTicketStates')
  suite.states = Object.fromEntries(
    states.map((state) => [state.category.replace('STATE_CATEGORY_', ''), state.stateId])
  )
  return suite
}

/** A browser that asks nobody on the network for anything; `more` are arguments of its own. */
export function startBrowser(...more) {
  return chromium.launch({
    executablePath: chrome,
    timeout: START,
    args: [
      ...more,
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync'
    ]
  })
}

/** A customer on the shop's page. */
export class Customer {
  /** `asked` goes into the shop's address: user, lang, theme, platform. */
  static async open(browser, suite, asked = {}, { url, ready = true, ...context } = {}) {
    const made = await browser.newContext({ viewport: { width: 1100, height: 800 }, locale: 'en-US', ...context })
    const page = await made.newPage()
    const customer = new Customer(made, page, suite)
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) customer.complaints.push(message.text())
    })
    page.on('pageerror', (error) => customer.complaints.push(String(error)))
    page.setDefaultTimeout(PATIENCE)
    await page.goto(url ?? `${suite.shop}/?${new URLSearchParams(asked)}`)
    if (ready) await customer.launcher.waitFor()
    return customer
  }

  complaints = []

  constructor(context, page, suite) {
    this.context = context
    this.page = page
    this.suite = suite
    this.launcher = page.locator('msgr-messenger .launcher')
    this.badge = page.locator('msgr-messenger .launcher b')
    this.frame = page.frameLocator('msgr-messenger iframe')
    this.main = this.frame.locator('main')
  }

  /** Opens the panel, if it is not. */
  async show() {
    await this.launcher.waitFor()
    if ((await this.launcher.getAttribute('aria-expanded')) === 'false') await this.launcher.click()
    await this.main.locator('h1').first().waitFor()
  }

  call(...values) {
    return this.page.evaluate((values) => window.Messenger(...values), values)
  }

  button(name) {
    return this.main.getByRole('button', { name, exact: typeof name === 'string' })
  }

  tab(name) {
    return this.main.getByRole('navigation').getByRole('button', { name })
  }

  heading(name) {
    return this.main.getByRole('heading', { name })
  }

  text(text) {
    return this.main.getByText(text)
  }

  async contact() {
    await until(async () => !!(await this.call('whoami')))
    return (await this.call('whoami')).contact_id
  }

  close() {
    return this.context.close()
  }
}

/** A teammate in the console, logged in by the development login. */
export class Teammate {
  static async open(browser, suite, { name = 'Grace Hopper', to = '/console/tickets', ...context } = {}) {
    const made = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', ...context })
    const page = await made.newPage()
    const teammate = new Teammate(made, page, suite, name)
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) teammate.complaints.push(message.text())
    })
    page.on('pageerror', (error) => teammate.complaints.push(String(error)))
    page.setDefaultTimeout(PATIENCE)
    await page.goto(`${suite.bff}/console/login?${new URLSearchParams({ app: suite.app, return_to: to })}`)
    await teammate.choose()
    return teammate
  }

  complaints = []

  constructor(context, page, suite, name) {
    this.context = context
    this.page = page
    this.suite = suite
    this.name = name
    this.main = page.locator('main')
    this.message = page.locator('#message')
    this.state = page.getByLabel('State', { exact: true })
  }

  /** Says who they are, at the login. */
  async choose() {
    await this.page.getByRole('link', { name: this.name }).click()
    await this.page.getByRole('button', { name: 'Log out' }).waitFor()
    await this.page.locator('h1').first().waitFor()
  }

  go(path) {
    return this.page.goto(`${this.suite.bff}${path}`)
  }

  /** Opens a ticket by its row. */
  async ticket(title) {
    await this.main.getByRole('link', { name: title }).click()
    await this.main.getByRole('heading', { name: title, level: 1 }).waitFor()
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' })
  }

  switch(name) {
    return this.page.getByRole('switch', { name })
  }

  text(text) {
    return this.page.getByText(text)
  }

  close() {
    return this.context.close()
  }
}

/** Waits for something to become true. */
export async function until(what, patience = PATIENCE) {
  const end = Date.now() + patience
  for (;;) {
    if (await what()) return
    if (Date.now() > end) throw new Error(`this did not become true within ${patience} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const gone = (locator) => locator.waitFor({ state: 'detached' })
/** The document inside of the iframe. */
export const inside = (customer) => customer.page.frames().find((frame) => frame.url().includes('/m/app_'))
