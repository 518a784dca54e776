import { Stroke } from '../../kit/stroke'

const PATHS = {
  home: 'M4 11l8-7 8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z',
  messages: 'M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-7l-5 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z',
  tickets: 'M4 7h16v3.5a1.5 1.5 0 0 0 0 3V17H4v-3.5a1.5 1.5 0 0 0 0-3zM14 7v10',
  close: 'M6 6l12 12M18 6L6 18',
  wider: 'M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7',
  narrower: 'M19 11h-6V5M13 11l7-7M5 13h6v6M11 13l-7 7',
  back: 'M15 5l-7 7 7 7',
  forward: 'M9 5l7 7-7 7',
  send: 'M4 12l16-7-5 15-3.5-6z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  clock: 'M12 7v5l3.5 2M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z',
  inbox: 'M4 13h5l1.5 2.5h3L15 13h5M4 13l3-8h10l3 8v6H4z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20c.6-4 3.4-6 7-6s6.400 2 7 6',
  plus: 'M12 5v14M5 12h14',
  down: 'M6 9l6 6 6-6'
} as const

export type IconName = keyof typeof PATHS
const POINTS: ReadonlySet<IconName> = new Set(['back', 'forward', 'send'])

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return <Stroke path={PATHS[name]} size={size} points={POINTS.has(name)} />
}
