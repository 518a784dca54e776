import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/preact'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RpcError } from '../rpc/errors'
import { decode } from './settings/jwt'
import { wrong } from './settings/origin'
import { world } from './testing'

const CONTENT = '/console/settings/channels/messenger/content'
const SECURITY = '/console/settings/channels/messenger/security'

let made: ReturnType<typeof world>
const open = (...of: Parameters<typeof world>) => {
  made = world(...of)
  return made
}
afterEach(() => {
  made?.leave()
  cleanup()
  vi.restoreAllMocks()
})

const spaces = (version: string, off: string[] = []) => ({
  settings: {
    version,
    spaces: ['WEB', 'IOS', 'ANDROID'].map((one) => ({
      platform: `PLATFORM_${one}`,
      space: 'SPACE_TICKETS',
      enabled: !off.includes(one)
    }))
  }
})
const flip = (name: string) => screen.findByRole('switch', { name })

describe('a token that is tried', () => {
  it('is refused in words in which code is code', async () => {
    open('/console/settings/channels/messenger/security', {
      TestUserToken: () => ({ problem: 'Its `kid` must be an id.' })
    })
    fireEvent.input(await screen.findByLabelText('User token'), { target: { value: 'a.b.c' } })
    fireEvent.click(screen.getByRole('button', { name: 'Test token' }))
    expect((await screen.findByText('kid')).parentElement?.textContent).toBe('Its kid must be an id.')
  })
})

describe('what was changed', () => {
  it('is told by the names that things have on their own pages', async () => {
    const line = { actorId: 'tea_grace', time: '2026-11-20T10:00:00Z' }
    open('/console/settings/channels/messenger/changes', {
      ListChanges: () => ({
        entries: [
          { ...line, entryId: '1', action: 'space.updated', subject: 'WEB/TICKETS', before: 'on', after: 'off' },
          { ...line, entryId: '2', action: 'identity_mode.set', subject: 'IOS', before: 'ENFORCED', after: 'OPTIONAL' },
          { ...line, entryId: '3', action: 'console_identity.unbound', subject: 'tea_alan', before: 'https://x y' },
          { ...line, entryId: '4', action: 'teammate.created', subject: 'tea_alan', after: 'Alan Turing, AGENT' },
          { ...line, entryId: '5', action: 'api_token.created', subject: 'tok_1', after: 'Script, as tea_alan: x' }
        ]
      })
    })
    await screen.findByText(/Tickets space on Web/)
    const values = [...document.querySelectorAll('.change')].map((one) => one.textContent)
    expect(values[0]).toMatch(/Tickets space on Web OnOff|Tickets space on Web On Off/)
    expect(values[1]).toMatch(/iOS.*Asks for a signed user token/)
    expect(values[3]).toMatch(/[0-9APM ] ?Alan Turing, Agent$/)
    expect(values[4]).toMatch(/Script, as Alan Turing: x$/)
    expect(values[2]).toMatch(/^Took a login away from a teammate.*Alan Turing/)
  })
})

describe('who installs the Messenger', () => {
  it('is told first that it shows on allowed origins only, and where they are named', async () => {
    open('/console/settings/channels/messenger/install')
    const heading = await screen.findByRole('heading', { name: 'Allowed origins' })
    expect(heading.closest('section')?.querySelector('a')?.pathname).toMatch(/\/security$/)
    expect(screen.getAllByRole('heading', { level: 2 })[0]).toBe(heading)
  })
})

describe('Content and Spaces', () => {
  it('is found below Settings, Channels, Messenger', async () => {
    open(CONTENT)
    const crumbs = await screen.findByRole('navigation', { name: 'Where you are' })
    const words = within(crumbs).getAllByRole('listitem')
    expect(words.map((one) => one.textContent)).toEqual(['Settings', 'Channels', 'Messenger', 'Content and Spaces'])
  })

  it('turns the Tickets space off on one platform, and says so', async () => {
    const { calls, answers } = open(CONTENT, { SetSpace: () => spaces('5', ['IOS']) })
    const ios = await flip('Tickets space on iOS')
    answers.GetSpaces = () => spaces('5', ['IOS'])
    fireEvent.click(ios)
    await screen.findByText('Tickets space is off on iOS.')
    expect(calls('SetSpace')).toEqual([
      { platform: 'PLATFORM_IOS', space: 'SPACE_TICKETS', enabled: false, expectedVersion: '4' }
    ])
    expect((await flip('Tickets space on iOS')).getAttribute('aria-checked')).toBe('false')
    expect((await flip('Tickets space on Web')).getAttribute('aria-checked')).toBe('true')
  })

  it('turns two quickly, each upon the version that the one before made', async () => {
    let version = 4
    const off: string[] = []
    const { calls, answers } = open(CONTENT, {
      SetSpace: ({ platform }) => {
        off.push(String(platform).replace('PLATFORM_', ''))
        return spaces(String(++version), off)
      }
    })
    const web = await flip('Tickets space on Web')
    answers.GetSpaces = () => spaces(String(version), off)
    fireEvent.click(web)
    fireEvent.click(await flip('Tickets space on Android'))
    await waitFor(() => expect(calls('SetSpace')).toHaveLength(2))
    expect(calls('SetSpace').map((body) => body.expectedVersion)).toEqual(['4', '5'])
  })

  it('shows the latest when somebody else was faster', async () => {
    const { answers } = open(CONTENT, {
      SetSpace: () => {
        throw new RpcError('aborted', '', '', 0, 'STALE_VERSION')
      }
    })
    const web = await flip('Tickets space on Web')
    answers.GetSpaces = () => spaces('9', ['ANDROID'])
    fireEvent.click(web)
    await screen.findByText('Someone else changed this setting. Showing the latest.')
    await waitFor(async () =>
      expect((await flip('Tickets space on Android')).getAttribute('aria-checked')).toBe('false')
    )
    expect((await flip('Tickets space on Web')).getAttribute('aria-checked')).toBe('true')
  })

  it('turns a platform off although another one was turned meanwhile', async () => {
    const { answers, calls } = open(CONTENT, {
      SetSpace: ({ expectedVersion }) => {
        if (expectedVersion !== '9') throw new RpcError('aborted', '', '', 0, 'STALE_VERSION')
        answers.GetSpaces = () => spaces('10', ['WEB', 'ANDROID'])
        return spaces('10', ['WEB', 'ANDROID'])
      }
    })
    const web = await flip('Tickets space on Web')
    answers.GetSpaces = () => spaces('9', ['ANDROID'])
    fireEvent.click(web)
    await screen.findByText('Tickets space is off on Web.')
    expect(screen.queryByText(/Someone else/)).toBeNull()
    expect(web.getAttribute('aria-checked')).toBe('false')
    expect(calls('SetSpace').length).toBe(2)
  })

  it('rolls back what could not be saved', async () => {
    open(CONTENT, {
      SetSpace: () => {
        throw new RpcError('permission_denied')
      }
    })
    const web = await flip('Tickets space on Web')
    fireEvent.click(web)
    await screen.findByText('You need the Admin role to change settings.')
    expect(web.getAttribute('aria-checked')).toBe('true')
  })

  it('does not turn Home or Messages off, and says why', async () => {
    const { calls } = open(CONTENT)
    fireEvent.click(await flip('Messages space on Web'))
    fireEvent.click(await flip('Home space on iOS'))
    screen.getByText(/Always on: conversations/)
    expect(calls('SetSpace')).toEqual([])
  })

  it('is read-only for an agent, who is told which role is missing', async () => {
    const { calls } = open(CONTENT, {}, 'ROLE_AGENT')
    fireEvent.click(await flip('Tickets space on Web'))
    screen.getByText('You need the Admin role to change settings.')
    expect(calls('SetSpace')).toEqual([])
  })
})

describe('Security', () => {
  it('shows a new secret once', async () => {
    open(SECURITY, {
      CreateKey: () => ({ key: { keyId: 'idk_1', platform: 'PLATFORM_WEB' }, secret: 'very-secret' })
    })
    fireEvent.click(await screen.findByText('Create key'))
    await screen.findByText('very-secret')
    fireEvent.click(screen.getByText('I have kept it'))
    expect(screen.queryByText('very-secret')).toBeNull()
  })

  it('revokes a key only when asked twice', async () => {
    const { calls } = open(SECURITY, {
      GetSecurity: () => ({ security: {}, keys: [{ keyId: 'idk_1', platform: 'PLATFORM_WEB' }] }),
      RevokeKey: () => ({ sessionsRevoked: 2 })
    })
    fireEvent.click(await screen.findByRole('button', { name: 'Revoke idk_1' }))
    expect(calls('RevokeKey')).toEqual([])
    fireEvent.click(screen.getByRole('button', { name: 'Revoke key' }))
    await screen.findByText('The key is revoked. 2 sessions ended.')
  })

  it('adds an origin, and says what is wrong with one before it is sent', async () => {
    const { calls } = open(SECURITY, {
      SetOrigins: ({ origins }) => ({ security: { allowedOrigins: origins, version: '2' } })
    })
    const box = await screen.findByLabelText('Origin')
    fireEvent.input(box, { target: { value: 'http://example.com' } })
    fireEvent.click(screen.getByText('Add origin'))
    await screen.findByText(/An origin begins with https/)
    fireEvent.input(box, { target: { value: 'https://Shop.example.com/' } })
    fireEvent.click(screen.getByText('Add origin'))
    await screen.findByText('https://shop.example.com may show the Messenger now.')
    expect(calls('SetOrigins')).toEqual([{ origins: ['https://shop.example.com'], expectedVersion: '1' }])
  })

  it('reads a user token in the browser, and leaves the verdict to the server', async () => {
    const { calls } = open(SECURITY, {
      TestUserToken: () => ({ problem: 'It has expired.', keyId: 'idk_1' })
    })
    const encode = (value: object) => btoa(JSON.stringify(value)).replaceAll('=', '')
    const token = `${encode({ alg: 'HS256', kid: 'idk_1' })}.${encode({ user_id: 'ada', exp: 1 })}.c2ln`
    fireEvent.input(await screen.findByLabelText('User token'), { target: { value: token } })
    screen.getByText('ada')
    expect(calls('TestUserToken')).toEqual([])
    fireEvent.click(screen.getByText('Test token'))
    await screen.findByText('It has expired.')
    expect(calls('TestUserToken')).toEqual([{ platform: 'PLATFORM_WEB', userJwt: token }])
  })
})

describe('an origin', () => {
  it('is what a browser calls a page, and nothing more', () => {
    for (const good of [
      'https://example.com',
      'https://*.example.com',
      'https://app.example.com:8443',
      'http://localhost:3000',
      'http://127.0.0.1',
      'https://10.0.0.1'
    ])
      expect(wrong(good), good).toBeUndefined()
    for (const [bad, why] of [
      ['example.com', 'scheme'],
      ['http://example.com', 'scheme'],
      ['https://example.com/path', 'path'],
      ['https://user@example.com', 'path'],
      ['https://*.com', 'host'],
      ['https://a.*.example.com', 'host'],
      ['https://example', 'host'],
      ['https://example.com:0', 'port'],
      ['https://example.com:99999', 'port'],
      [`https://${'a'.repeat(250)}.example.com`, 'long']
    ] as const)
      expect(wrong(bad), bad).toBe(why)
  })
})

describe('a token', () => {
  it('is read with all its letters, and what is none is none', () => {
    const encode = (value: unknown) =>
      btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
    expect(decode(`${encode({ alg: 'HS256' })}.${encode({ name: 'Žofie ✓' })}.x`)?.claims).toEqual([
      ['name', 'Žofie ✓']
    ])
    for (const none of ['', 'a.b', 'a.b.c', `${encode([1])}.${encode({})}.x`])
      expect(decode(none), none).toBeUndefined()
  })
})
