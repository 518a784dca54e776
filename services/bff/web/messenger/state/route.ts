/** Where the customer is: a stack of screens over one space. Pure. */
import type { Tab } from '../model'

export type Screen =
  | { name: Tab }
  | { name: 'ticket'; id: string }
  | { name: 'conversation'; id: string }
  /** Writes the first message; `about` is the ticket it is for. */
  | { name: 'new' }
  | { name: 'submit' }

export interface Route {
  /** Never empty; the first is a space. */
  stack: [Screen, ...Screen[]]
  /** What to focus on return, by depth: the row that opened the next screen. */
  from: string[]
  /** How the present screen was reached: decides what is focused. */
  by: 'start' | 'tab' | 'push' | 'back' | 'replace'
}

export type RouteEvent =
  | { type: 'tab'; tab: Tab }
  | { type: 'push'; screen: Screen; from: string }
  | { type: 'replace'; screen: Screen }
  | { type: 'back' }
  /** From outside: opens a screen over its space. */
  | { type: 'deep'; tab: Tab; screen?: Screen }
  /** The spaces that show now. */
  | { type: 'spaces'; tabs: Tab[] }

export const start: Route = { stack: [{ name: 'home' }], from: [], by: 'start' }

export function top(route: Route): Screen {
  return route.stack[route.stack.length - 1] ?? route.stack[0]
}

/** Where Back leads; nothing on a space. */
export function below(route: Route): Screen | undefined {
  return route.stack[route.stack.length - 2]
}

/** More than this many screens are not remembered; the space under them stays. */
const DEPTH = 12

export function reduce(route: Route, event: RouteEvent): Route {
  switch (event.type) {
    case 'tab':
      return { stack: [{ name: event.tab }], from: [], by: 'tab' }
    case 'push': {
      if (same(top(route), event.screen)) return route
      // going to and fro between a ticket and its conversation is going back
      if (below(route) && same(below(route) as Screen, event.screen)) return reduce(route, { type: 'back' })
      const [space, ...over] = route.stack
      return {
        stack: [space, ...over.slice(-(DEPTH - 2)), event.screen],
        from: [...route.from, event.from].slice(-DEPTH),
        by: 'push'
      }
    }
    case 'replace': {
      const [space, ...over] = route.stack
      if (!over.length) return { stack: [space, event.screen], from: [''], by: 'push' }
      return { ...route, stack: [space, ...over.slice(0, -1), event.screen], by: 'replace' }
    }
    case 'back': {
      const [space, ...over] = route.stack
      if (!over.length) return route
      return { stack: [space, ...over.slice(0, -1)], from: route.from, by: 'back' }
    }
    case 'deep': {
      const stack: Route['stack'] = [{ name: event.tab }]
      if (event.screen) stack.push(event.screen)
      return { stack, from: event.screen ? [''] : [], by: 'tab' }
    }
    case 'spaces': {
      const [space, ...over] = route.stack
      const shows = event.tabs.includes(space.name as Tab)
      if (shows) return route
      // a detail that is open stays open: it is reachable without the space (S4)
      return { ...route, stack: [{ name: 'home' }, ...over], by: over.length ? route.by : 'tab' }
    }
  }
}

/** After going back: the row that had opened the screen left. */
export function returnsTo(route: Route): string {
  return route.from[route.stack.length - 1] ?? ''
}

function same(a: Screen, b: Screen): boolean {
  return a.name === b.name && ('id' in a ? a.id : '') === ('id' in b ? b.id : '')
}
