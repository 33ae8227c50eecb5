import { usePreview, useRetry } from '../api/deliveries'
import type { Delivery, Preview } from '../api/delivery'
import { sourceOf } from '../api/exact'
import type { Place } from '../api/owned'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Code, Headers } from '../ui/code'
import { Dialog } from '../ui/dialog'
import { focusOnMount } from '../ui/focus'
import { Fault, Notice } from '../ui/notice'
import { Loading } from '../ui/page'
import { useToast } from '../ui/toast'
import { Differences } from './differences'

/** Shows what a retry would send, and in what that differs from what was sent, before it is asked for. */
export function RetryDialog({
  place,
  log,
  onClose,
  onRetried,
}: {
  place: Place
  log: Delivery
  onClose: () => void
  onRetried: (id: string) => void
}) {
  const { t, server } = useTranslation()
  const say = useToast()
  const preview = usePreview(place, log.id)
  const retry = useRetry(place, log.id)
  const send = () =>
    retry.mutate(undefined, {
      onSuccess: (id) => {
        say(t('retry.queued'))
        onRetried(id)
      },
    })
  // What the page under the dialog knew already may be of before a change of the webhook.
  const shown = preview.isFetchedAfterMount ? preview.data : undefined
  return (
    <Dialog title={t('retry.title', { event: log.event })} onClose={onClose} wide locked={retry.isPending}>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
        {preview.error ? (
          <Fault of={preview.error} retry={() => preview.refetch()} />
        ) : !shown ? (
          <Loading label={t('loading')} />
        ) : (
          <>
            {!shown.can_retry && <Refusal reason={shown.reason} />}
            {shown.error && (
              <Notice tone="bad" title={t('preview.impossible')}>
                {server(shown.error)}
              </Notice>
            )}
            <Differences preview={shown} />
            <Outgoing preview={shown} />
          </>
        )}
        {retry.error && <Fault of={retry.error} />}
        <div className="sticky bottom-0 -mx-5 -mb-5 flex items-center justify-end gap-2 border-line border-t bg-card px-5 py-3">
          <Button disabled={retry.isPending} onClick={onClose}>
            {t('cancel')}
          </Button>
          <Button
            look="primary"
            icon="again"
            disabled={!shown?.can_retry}
            busy={retry.isPending}
            onClick={send}
            key={shown ? 'ready' : 'wait'}
            ref={shown && focusOnMount}
          >
            {t('retry.now')}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}

export function Refusal({ reason }: { reason: Preview['reason'] }) {
  const { t } = useTranslation()
  return (
    <Notice tone="warn" title={t('retry.not')}>
      {reason && t(`reason.${reason}`)}
    </Notice>
  )
}

function Outgoing({ preview: { now, attempt, differences } }: { preview: Preview }) {
  const { t } = useTranslation()
  if (!now) return null
  const fresh = new Set(differences?.headers.filter((header) => header.every_attempt).map(({ name }) => name))
  const changed = new Set(
    differences?.headers
      .filter((header) => !header.every_attempt && header.change !== 'removed')
      .map(({ name }) => name),
  )
  return (
    <section className="grid min-w-0 gap-2" aria-label={t('preview.now')}>
      <h3 className="font-semibold">
        {t('preview.now')} <span className="font-normal text-muted">{t('attempt.n', { n: attempt })}</span>
      </h3>
      <p className="wrap-anywhere font-mono text-sm">
        <span className="font-semibold">{now.method}</span> {now.url}
      </p>
      <Headers
        of={now.headers}
        empty={t('headers.none')}
        note={(name) => (
          <>
            {fresh.has(name) && <span className="ml-2 font-sans text-muted text-xs">{t('preview.everyAttempt')}</span>}
            {changed.has(name) && (
              <span className="ml-2 rounded bg-warn/12 px-1.5 font-sans text-warn text-xs">{t('preview.differs')}</span>
            )}
          </>
        )}
      />
      <Code label={t('body')} text={bodyText(now.body)} empty={t('body.empty')} />
    </section>
  )
}

/** A body as it was sent: JSON to the letter, and what is not JSON, which the API shows as a string. */
export function bodyText(body: unknown): string {
  const source = sourceOf(body) ?? ''
  return source.startsWith('"') ? JSON.parse(source) : source
}
