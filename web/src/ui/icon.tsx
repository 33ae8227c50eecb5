// Drawn on a 16 × 16 grid with a 1.5 stroke. Icons decorate words, so that they are hidden from screen readers.
const paths = {
  chart: 'M2.500 13.500v-4M6.500 13.500v-8M10.500 13.500v-6M14 13.500v-11',
  owners: 'M8 7.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM3 14c0-2.500 2.200-4 5-4s5 1.500 5 4',
  envelope:
    'M2 4.500A1.500 1.500 0 0 1 3.500 3h9A1.500 1.500 0 0 1 14 4.500v7a1.500 1.500 0 0 1-1.500 1.500h-9A1.500 1.500 0 0 1 2 11.500zM2.300 4.300 8 8.600l5.700-4.300',
  again: 'M13.300 6.700A5.500 5.500 0 1 0 13.500 9M13.500 2.800v4h-4',
  megaphone: 'M2.500 6.500v3h2.500L12 13V3L5 6.500zM5.500 9.800 6.300 13.500h1.700M14 6.800v2.400',
  check: 'M3.500 8.500l3 3 6-7',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.800V8l2.200 1.500',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.500v3.500M8 5v.1',
  alert: 'M8 2.200 14.300 13H1.700zM8 6.500v3M8 11.300v.2',
  plus: 'M8 3v10M3 8h10',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.600 10.600 14 14',
  pause: 'M5.500 3.500v9M10.500 3.500v9',
  play: 'M5 3.200v9.600L12.500 8z',
  copy: 'M5.500 5.500h7v8h-7zM3.500 10.500v-8h7',
  out: 'M6 2.500H3.500v11H6M10 5l3 3-3 3M13 8H6.500',
  menu: 'M2.500 4.500h11M2.500 8h11M2.500 11.500h11',
  right: 'M6 3.500 10.500 8 6 12.500',
  left: 'M10 3.500 5.500 8l4.500 4.500',
  trash: 'M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.5 9h6l.5-9',
  pen: 'M3 13l.7-2.900L10.800 3 13 5.200 5.900 12.300z',
  power: 'M8 2v6M4.500 4.200a5.500 5.500 0 1 0 7 0',
  bolt: 'M9 1.800 3.500 9h4L7 14.200 12.500 7h-4z',
  bell: 'M4 11.500V7a4 4 0 0 1 8 0v4.500M2.500 11.500h11M7 13.800h2',
  list: 'M6 4h7.500M6 8h7.500M6 12h7.500M2.500 4v.1M2.500 8v.1M2.500 12v.1',
  dash: 'M4 8h8',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 16 16"
      className={`size-4 shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  )
}
