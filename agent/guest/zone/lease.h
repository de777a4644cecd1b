/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_LEASE_H
#define GUEST_ZONE_LEASE_H

/*
 * One zone from the wish for it until its memory is back with the host:
 *
 *     lease_new() -> [plug signal -> Report -> blocks appear] -> zone reserved -> acquired()
 *     lease_release() -> offline -> [unplug signal -> Report] -> retired -> returned()
 *
 * A failure on the way in is undone here, the plugged memory included. Knows nothing of containers.
 */

#include "agent/guest/loop_job.h"
#include "agent/guest/refusal.h"
#include "agent/guest/turn.h"
#include "agent/guest/zone/host.h"
#include "agent/guest/zone/receipt.h"

struct manager;

enum lease_phase {
    LEASE_RESERVING,  /* the zone's blocks are brought online */
    LEASE_PLUGGING,   /* the host was asked for memory */
    LEASE_ARRIVING,   /* the host says it has plugged; the blocks are awaited */
    LEASE_HELD,       /* there is a zone */
    LEASE_DRAINING,   /* the zone is emptied and taken offline */
    LEASE_UNPLUGGING, /* the host was asked to take it back */
    LEASE_OVER,
};

struct lease_ops {
    /*
     * The zone is there, or will never be (refusal not NULL). Not called after lease_release(). A refusal
     * with the lease in phase HELD: what was begun could not be undone; call lease_release().
     */
    void (*acquired)(void *owner, const struct refusal *refusal);
    /* The zone is offline and has parted with its cgroup, which is to be removed now: when the claim is over
     * nobody finds it any more. May be NULL. */
    void (*parted)(void *owner);
    /*
     * All is returned, as far as it goes. receipt: NULL when there never was a zone; without container and
     * times of the exit; its contents may be taken. Also called from within lease_release().
     */
    void (*returned)(void *owner, struct receipt *receipt);
};

struct lease {
    TAILQ_ENTRY(lease) link;
    struct manager *manager;
    const struct lease_ops *ops;
    void *owner; /* NULL once the owner has been told the end */
    enum lease_phase phase;
    char name[CZONE_ZONE_NAME_MAX + 1]; /* of the zone */
    uint64_t bytes;                     /* whole blocks */
    struct czone_tier_choice tier;
    char tier_name[32];
    uint64_t signal;               /* the open one */
    struct czone_range plugged;    /* what the host brought in for this; size 0: nothing */
    struct czone_range place;      /* RESERVING: where */
    struct czone_range avoided[4]; /* free memory that would not go online */
    size_t n_avoided;
    bool adopted;  /* an earlier czoned may have begun to return it */
    bool again;    /* it was to be returned before */
    bool released; /* while RESERVING: it ends when that is over */
    /* ARRIVING: until when the blocks have to be there; DRAINING: when it is tried again. */
    struct event *timer;
    struct turn drain; /* DRAINING: until it begins */
    struct loop_job job;
    struct czone_zone *zone; /* HELD and later */
    struct czone_zone_info info;
    enum czone_zone_state zone_state; /* as events told it */
    struct receipt receipt;
};

/* What somebody wants; all borrowed. */
struct lease_wish {
    const char *name; /* of the zone: unique among claims, see lease_pick_name() */
    uint64_t bytes;
    struct czone_tier_choice tier;
    const char *tier_name; /* as the caller wrote it, for the host */
    /* The path of the cgroup that a zone on this node will be bound to, or NULL: see struct
     * czone_zone_request. */
    const char *cgroup;
    czone_node_id node;
    /* Where it had best be, if it can be there; size 0: anywhere. */
    struct czone_range place;
};

/*
 * Begins a lease: claims memory that is free here, or asks the host.
 *
 * @owner  given to ops; not NULL
 *
 * Returns 0, and acquired() follows; or a negative errno with a refusal (NoMemory, NoZoneNode, HostRefused,
 * NoSuchTier, System), and nothing was changed.
 */
int lease_new(struct manager *manager, const struct lease_wish *wish, const struct lease_ops *ops,
              void *owner, struct lease **ret_lease, struct refusal *refusal);

/*
 * Whether a lease would find free memory here that is online already, as of the last manager_sync(), and
 * where. Claims nothing.
 *
 * @wish  of which cgroup and node do not matter
 */
bool lease_has_place(struct manager *manager, const struct lease_wish *wish,
                     struct czone_zone_info *ret_info);

/* Looks whether the zone is there already, as it is when its memory was online: acquired() then comes from
 * here, and not from the loop. */
void lease_look(struct lease *lease);

/* Takes over a zone that exists: one that an earlier czoned left behind. The zone's reference is the lease's
 * from here on, on failure too. Returns 0 or -ENOMEM. */
int lease_adopt(struct manager *manager, struct czone_zone *zone, const struct lease_ops *ops, void *owner,
                struct lease **ret_lease);

/*
 * Ends a lease in whatever phase it is; the zone's cgroup must have no process left. returned() follows, or
 * has been called already. Never blocks. After it, or after acquired() with a refusal, the lease is not the
 * owner's any more and frees itself.
 */
void lease_release(struct lease *lease);

/* Looks whether blocks that leases wait for have come; call it whenever the view of the machine changed. */
void lease_check_arrivals(struct manager *manager);

/* For host_init(): owner is a lease. */
void lease_on_answer(void *owner, const struct host_answer *answer);

/* Whether memory is on its way in: a plug is open, or done and its blocks are awaited. */
bool lease_any_arriving(const struct manager *manager);

/* Whether a lease has this zone, or wants to. */
bool lease_has_zone(const struct manager *manager, const char *name);

/* After a reserve that failed: the mark of its zone goes if its claim has. A claim that stayed keeps it, and
 * is found by that when a host attaches; one that was there before (error -EEXIST) is somebody else's. */
void lease_clear_mark(struct manager *manager, const char *name, int error);

/* A zone name that no claim and no lease has: the id, or the id with ".2", ".3"… */
void lease_pick_name(const struct manager *manager, const char *id, char ret_name[CZONE_ZONE_NAME_MAX + 1]);

/* Frees leases without undoing anything, at the end of the daemon. */
void lease_abandon_all(struct manager *manager);

/* Publishes a move of the zone: state and event in one. */
void lease_move(struct lease *lease, enum czone_zone_state state, const char *message);

#endif
