package main

import (
	"context"
	"log"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"eco2.growbin.app/bench/authz/internal/peer"
)

const (
	channel = "blacklist"
	page    = 1000
)

// mirror is a copy of the list of revoked tokens.
type mirror struct {
	redis *redis.Client
	mutex sync.RWMutex
	ids   map[string]struct{}
	fresh bool
}

func newMirror(client *redis.Client) *mirror {
	return &mirror{redis: client, ids: map[string]struct{}{}}
}

// revoked tells whether a token is on the list, and whether the list can be trusted.
func (m *mirror) revoked(id string) (revoked, fresh bool) {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	_, revoked = m.ids[id]
	return revoked, m.fresh
}

// follow subscribes, and reads the whole list after each (re)subscription: what was published before is lost.
func (m *mirror) follow(ctx context.Context) {
	subscription := m.redis.Subscribe(ctx, channel)
	defer subscription.Close()
	for event := range subscription.ChannelWithSubscriptions() {
		switch event := event.(type) {
		case *redis.Subscription:
			m.read(ctx)
		case *redis.Message:
			m.add(event.Payload)
		}
	}
}

func (m *mirror) read(ctx context.Context) {
	keys := m.redis.Scan(ctx, 0, peer.Prefix+"*", page).Iterator()
	for keys.Next(ctx) {
		m.add(strings.TrimPrefix(keys.Val(), peer.Prefix))
	}
	err := keys.Err()
	if err != nil {
		log.Print("cannot read the blacklist: ", err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.fresh = err == nil
}

func (m *mirror) add(id string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.ids[id] = struct{}{}
}
