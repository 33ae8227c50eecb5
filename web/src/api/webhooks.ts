import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, must, type Schemas } from './client'
import { logsKey } from './deliveries'
import type { Owner } from './kinds'
import { useIdempotencyKey, useOnce } from './once'
import { type Place, webhookAt, webhooksOf } from './owned'

/** A webhook of either kind of owner; `include_call_events` is there for campaigns. */
export type Webhook = Schemas['WebhookBase'] & { include_call_events?: boolean }
export type WebhookInput = Schemas['WebhookFields'] & { include_call_events?: boolean }
/** An event type and what it means, which only the list of agents' types tells. */
export interface AvailableEvent {
  name: string
  meaning: string | undefined
}

/** The types are told with what they mean, or by their names alone. */
const readEvents = (told: Record<string, string> | string[]): AvailableEvent[] =>
  Array.isArray(told)
    ? told.map((name) => ({ name, meaning: undefined }))
    : Object.entries(told).map(([name, meaning]) => ({ name, meaning }))

export function useWebhooks(owner: Owner) {
  return useQuery({
    queryKey: ['webhooks', owner.kind, owner.id],
    queryFn: async ({ signal }): Promise<{ webhooks: Webhook[]; events: AvailableEvent[] }> => {
      const { data } = await must(webhooksOf(owner).GET('', { signal }))
      return { webhooks: data.webhooks, events: readEvents(data.available_events) }
    },
  })
}

export const webhookKey = ({ owner, webhook }: Place) => ['webhook', owner.kind, owner.id, webhook]

export function useWebhook(place: Place) {
  return useQuery({
    queryKey: webhookKey(place),
    queryFn: async ({ signal }): Promise<Webhook> => (await must(webhookAt(place).GET('', { signal }))).data,
  })
}

export function useCreateWebhook(owner: Owner) {
  const settle = useSettled(owner)
  const keys = useIdempotencyKey()
  return useOnce({
    mutationFn: async (input: WebhookInput): Promise<Webhook> => {
      const body = input as Schemas['WebhookInput']
      return (await must(webhooksOf(owner).POST('', { body, headers: keys.header(owner, input) }))).data
    },
    onSuccess: (webhook) => {
      keys.used()
      return settle(webhook)
    },
  })
}

/** The header of a call that is meant for one version of a webhook. The call does nothing to another version (412). */
const ifVersion = (version: number | undefined): Record<string, string> =>
  version === undefined ? {} : { 'If-Match': `"${version}"` }

export const isVersionConflict = (fault: unknown) => fault instanceof ApiError && fault.status === 412

/** Changes the fields given, of the version given or, without one, of any. */
export function useSaveWebhook(place: Place) {
  const settle = useSettled(place.owner)
  return useOnce({
    mutationFn: async ({ change: body, version }: { change: WebhookInput; version?: number }): Promise<Webhook> =>
      (await must(webhookAt(place).PUT('', { body, headers: ifVersion(version) }))).data,
    onSuccess: settle,
  })
}

/** Gives a webhook another secret; the one before it goes on signing for the overlap. */
export function useRotateSecret(place: Place) {
  const client = useQueryClient()
  const settle = useSettled(place.owner)
  return useOnce({
    // Its answer holds a secret: whoever asked shows it, and the cache of mutations keeps it no longer than that.
    gcTime: 0,
    mutationFn: async ({ rotation: body, version }: { rotation: Schemas['SecretRotation']; version: number }) =>
      (await must(webhookAt(place).POST('/secret/rotate', { body, headers: ifVersion(version) }))).data as Webhook,
    onSuccess: settle,
    // Also after a failure: it may have been carried out.
    onError: () => client.invalidateQueries({ queryKey: webhookKey(place) }),
  })
}

export function useDeleteWebhook(place: Place) {
  const client = useQueryClient()
  return useOnce({
    mutationFn: (version: number) => must(webhookAt(place).DELETE('', { headers: ifVersion(version) })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['webhooks'] }),
    onError: (fault) => isVersionConflict(fault) && client.invalidateQueries({ queryKey: webhookKey(place) }),
  })
}

/**
 * Enables or disables. The call itself flips whatever it finds, so that a page which shows an old state would do the
 * opposite of what its button says: hence the field of the update.
 */
export function useEnableWebhook(place: Place, onSuccess: (webhook: Webhook) => void) {
  const client = useQueryClient()
  const { mutate, isPending, error } = useSaveWebhook(place)
  return {
    // To disable stops a webhook whatever has become of it; what is enabled is what was seen.
    enable: (enabled: boolean, version: number) =>
      mutate(
        { change: { enabled }, ...(enabled && { version }) },
        {
          onSuccess,
          onError: (fault) => {
            if (isVersionConflict(fault)) client.invalidateQueries({ queryKey: webhookKey(place) })
          },
        },
      ),
    isPending,
    error,
  }
}

export type TestAnswer = { dispatched: true } | { dispatched: false; status: number; ms: number }

/** Sends a test. An agent's is answered by its receiver; a campaign's is queued, and found in its deliveries. */
export function useTestWebhook(place: Place) {
  const client = useQueryClient()
  return useOnce({
    mutationFn: async (): Promise<TestAnswer> => {
      const answer = await must(webhookAt(place).POST('/test'))
      return 'data' in answer
        ? { dispatched: false, status: answer.data.status_code, ms: answer.data.response_time }
        : { dispatched: true }
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: logsKey(place) }),
        client.invalidateQueries({ queryKey: webhookKey(place) }),
      ]),
  })
}

function useSettled(owner: Owner) {
  const client = useQueryClient()
  // A secret that was made is shown by whoever asked for it, and kept nowhere.
  return ({ webhook_secret: _, ...webhook }: Webhook) => {
    client.setQueryData(webhookKey({ owner, webhook: webhook.id }), webhook)
    return client.invalidateQueries({ queryKey: ['webhooks'] })
  }
}
