import type { ButtonHTMLAttributes, Ref } from 'react'
import { Icon, type IconName } from './icon'

export type Look = 'primary' | 'plain' | 'quiet' | 'danger'

const looks: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-deep border-transparent font-medium',
  plain: 'bg-card border-edge/60 hover:border-edge hover:bg-sunken',
  quiet: 'border-transparent hover:bg-sunken text-ink',
  danger: 'bg-bad text-on-bad border-transparent hover:opacity-90 font-medium',
}

/** The classes of a button, for links that look like one. */
export function buttonLook(look: Look = 'plain', small = false): string {
  const size = small ? 'min-h-8 px-2.5 text-sm' : 'min-h-9 px-3.5'
  return `inline-flex items-center justify-center gap-1.5 rounded-lg border whitespace-nowrap transition-colors ${size} ${looks[look]} disabled:opacity-55 disabled:cursor-default aria-disabled:opacity-55`
}

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look
  small?: boolean
  icon?: IconName
  busy?: boolean
  ref?: Ref<HTMLButtonElement> | undefined
}

/** While busy a button keeps its place, its size and the focus, and does nothing. */
export function Button({
  look,
  small,
  icon,
  busy,
  children,
  className = '',
  onClick,
  type = 'button',
  ...rest
}: Props) {
  return (
    <button
      type={type}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={`${buttonLook(look, small)} ${className}`}
      {...rest}
    >
      {icon && <Icon name={busy ? 'clock' : icon} />}
      {children}
    </button>
  )
}
