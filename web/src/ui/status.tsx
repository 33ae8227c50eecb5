import { type Key, useTranslation } from '../i18n'
import { Icon, type IconName } from './icon'

type Tone = 'ok' | 'bad' | 'warn' | 'wait' | 'accent'

const tones: Record<Tone, string> = {
  ok: 'text-ok bg-ok/9',
  bad: 'text-bad bg-bad/9',
  warn: 'text-warn bg-warn/11',
  wait: 'text-wait bg-wait/10',
  accent: 'text-accent bg-accent/9',
}

/** Each status has a word, a shape and a colour: no two differ by colour alone. */
const looks: Record<string, [Tone, IconName, Key]> = {
  success: ['ok', 'check', 'status.success'],
  failed: ['bad', 'cross', 'status.failed'],
  retrying: ['warn', 'again', 'status.retrying'],
  pending: ['wait', 'clock', 'status.pending'],
  active: ['ok', 'check', 'status.active'],
  disabled: ['wait', 'dash', 'status.disabled'],
  error: ['bad', 'alert', 'status.error'],
  queued: ['wait', 'clock', 'job.queued'],
  running: ['accent', 'again', 'job.running'],
  paused: ['wait', 'pause', 'job.paused'],
  done: ['ok', 'check', 'job.done'],
  cancelled: ['wait', 'cross', 'job.cancelled'],
}

export function Status({ of }: { of: string }) {
  const { t } = useTranslation()
  const [tone, icon, key] = looks[of] ?? ['wait', 'dash', undefined]
  return (
    <span
      className={`inline-flex w-fit items-center gap-1 whitespace-nowrap align-middle rounded-full py-px pr-2.5 pl-1.5 font-medium text-xs ${tones[tone]}`}
    >
      <Icon name={icon} className="size-3.5!" />
      {key ? t(key) : of}
    </span>
  )
}
