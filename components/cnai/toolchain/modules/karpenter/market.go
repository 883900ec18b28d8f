package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
	"sigs.k8s.io/yaml"
)

const reservedDiscount = 10_000_000 // what is paid for already is cheaper than anything else, as with the AWS provider

// Fault is one entry of the faults file; other kinds of faults in it are other programs' business.
type Fault struct {
	NoCapacity *Place `json:"no_capacity"`
}

// Place is where capacity lacks: fields are patterns, and empty ones mean every one.
type Place struct {
	Machine  string `json:"machine"`
	Zone     string `json:"zone"`
	Capacity string `json:"capacity"`
}

// Reservation is one entry of the reservations file: what the simulated cloud has put aside.
type Reservation struct {
	ID      string `json:"id"`
	Machine string `json:"machine"`
	Zone    string `json:"zone"`
	Count   int    `json:"count"`
}

// Market knows what is available where, at which price, and how much of it is left.
type Market struct {
	client       client.Client
	machines     *Machines
	faults       string
	reservedFile string

	mutex sync.Mutex
	// soldOut are the places where a launch failed: as with the real thing, Karpenter learns of a lack only so.
	soldOut []Place
	// launched are the instances (provider IDs) in a reservation whose nodes the cache may not show yet.
	launched map[string]string
}

func (p Place) covers(other Place) bool {
	match := func(pattern, its string) bool {
		matched, err := path.Match(pattern, its)
		return pattern == "" || (err == nil && matched)
	}
	return match(p.Machine, other.Machine) && match(p.Zone, other.Zone) && match(p.Capacity, other.Capacity)
}

// read gives the faults of this moment.
func (m *Market) read() ([]Fault, error) {
	return entries[Fault](m.faults)
}

// entries of a YAML list; none where there is no such file.
func entries[T any](file string) ([]T, error) {
	var found []T
	content, err := os.ReadFile(file)
	if file == "" || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = yaml.Unmarshal(content, &found)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s, %w", file, err)
	}
	return found, nil
}

// lacks tells whether a fault takes this place's capacity away now.
func lacks(faults []Fault, place Place) bool {
	return slices.ContainsFunc(faults, func(fault Fault) bool {
		return fault.NoCapacity != nil && fault.NoCapacity.covers(place)
	})
}

// InstanceTypes are those that a NodePool can have, with what is left of each.
func (m *Market) InstanceTypes(ctx context.Context, pool *v1.NodePool) ([]*cloudprovider.InstanceType, error) {
	faults, err := m.read()
	if err != nil {
		return nil, err
	}
	wanted := scheduling.NewNodeSelectorRequirementsWithMinValues(pool.Spec.Template.Spec.Requirements...)
	zones, err := m.zones(ctx, wanted)
	if err != nil {
		return nil, err
	}
	reservations, err := m.reservations(ctx, pool, zones)
	if err != nil {
		return nil, err
	}
	var found []*cloudprovider.InstanceType
	for _, machine := range m.machines.Machines {
		offerings := m.offerings(machine, zones, reservations, faults)
		found = append(found, &cloudprovider.InstanceType{
			Name:         machine.Name,
			Requirements: m.machines.requirements(machine, offerings),
			Offerings:    offerings,
			Capacity:     merged(machine.Capacity, machine.Devices),
			Overhead:     &cloudprovider.InstanceTypeOverhead{KubeReserved: machine.Overhead},
		})
	}
	return found, nil
}

func (m *Market) offerings(machine Machine, zones []string, reservations []Reservation, faults []Fault) cloudprovider.Offerings {
	var found cloudprovider.Offerings
	for _, zone := range zones {
		if len(machine.Regions) > 0 && !slices.Contains(machine.Regions, regionOf(zone)) {
			continue
		}
		for _, capacity := range machine.CapacityTypes {
			price := machine.Price
			if capacity == v1.CapacityTypeReserved {
				continue
			}
			if capacity == v1.CapacityTypeSpot {
				price *= m.machines.SpotShare
			}
			place := Place{machine.Name, zone, capacity}
			found = append(found, offering(place, "", price, !m.knownSoldOut(place, faults)))
		}
		for _, reservation := range reservations {
			if reservation.Machine == machine.Name && reservation.Zone == zone {
				place := Place{machine.Name, zone, v1.CapacityTypeReserved}
				// A full reservation is not on offer, or Karpenter would wait for it instead of trying the next NodePool.
				available := reservation.Count > 0 && !m.knownSoldOut(place, faults)
				one := offering(place, reservation.ID, machine.Price/reservedDiscount, available)
				one.ReservationCapacity = reservation.Count
				found = append(found, one)
			}
		}
	}
	return found
}

func offering(place Place, reservation string, price float64, available bool) *cloudprovider.Offering {
	requirements := scheduling.NewRequirements(
		scheduling.NewRequirement(v1.CapacityTypeLabelKey, corev1.NodeSelectorOpIn, place.Capacity),
		scheduling.NewRequirement(corev1.LabelTopologyZone, corev1.NodeSelectorOpIn, place.Zone),
		scheduling.NewRequirement(corev1.LabelTopologyRegion, corev1.NodeSelectorOpIn, regionOf(place.Zone)),
	)
	if reservation == "" {
		requirements.Add(scheduling.NewRequirement(reservationIDLabel, corev1.NodeSelectorOpDoesNotExist))
		requirements.Add(scheduling.NewRequirement(reservationTypeLabel, corev1.NodeSelectorOpDoesNotExist))
	} else {
		requirements.Add(scheduling.NewRequirement(reservationIDLabel, corev1.NodeSelectorOpIn, reservation))
		requirements.Add(scheduling.NewRequirement(reservationTypeLabel, corev1.NodeSelectorOpIn, "default"))
	}
	return &cloudprovider.Offering{Requirements: requirements, Price: price, Available: available}
}

// zones are those that the NodePool names, else those that the cluster's nodes are in, as its subnets would be.
func (m *Market) zones(ctx context.Context, wanted scheduling.Requirements) ([]string, error) {
	if requirement := wanted.Get(corev1.LabelTopologyZone); requirement.Operator() == corev1.NodeSelectorOpIn {
		return sorted(requirement.Values()), nil
	}
	nodes := &corev1.NodeList{}
	if err := m.client.List(ctx, nodes); err != nil {
		return nil, err
	}
	var found []string
	for _, node := range nodes.Items {
		if zone := node.Labels[corev1.LabelTopologyZone]; zone != "" && !slices.Contains(found, zone) {
			found = append(found, zone)
		}
	}
	return sorted(found), nil
}

// reservations that the NodePool's class names, with what is left of each. One that the reservations file does not describe is
// taken to be of the pool's first machine type, in its first zone, and as big as the pool may grow.
func (m *Market) reservations(ctx context.Context, pool *v1.NodePool, zones []string) ([]Reservation, error) {
	class := &EC2NodeClass{}
	if err := m.client.Get(ctx, client.ObjectKey{Name: pool.Spec.Template.Spec.NodeClassRef.Name}, class); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	given, err := entries[Reservation](m.reservedFile)
	if err != nil {
		return nil, err
	}
	var found []Reservation
	for _, id := range class.reservationIDs() {
		one := m.assumed(id, pool, zones)
		for _, row := range given {
			if row.ID == id {
				one = described(one, row)
			}
		}
		used, err := m.used(ctx, id)
		if err != nil {
			return nil, err
		}
		one.Count = max(0, one.Count-used)
		found = append(found, one)
	}
	return found, nil
}

func described(assumed, given Reservation) Reservation {
	if given.Machine == "" {
		given.Machine = assumed.Machine
	}
	if given.Zone == "" {
		given.Zone = assumed.Zone
	}
	return given
}

func (m *Market) assumed(id string, pool *v1.NodePool, zones []string) Reservation {
	wanted := scheduling.NewNodeSelectorRequirementsWithMinValues(pool.Spec.Template.Spec.Requirements...)
	one := Reservation{ID: id, Count: unbounded}
	if types := sorted(wanted.Get(corev1.LabelInstanceTypeStable).Values()); len(types) > 0 {
		one.Machine = types[0]
	}
	if len(zones) > 0 {
		one.Zone = zones[0]
	}
	for _, machine := range m.machines.Machines {
		if machine.Name == one.Machine {
			one.Count = grows(pool, machine)
		}
	}
	return one
}

const unbounded = 1000

// grows gives how many such machines a NodePool's limits allow.
func grows(pool *v1.NodePool, machine Machine) int {
	most := unbounded
	for name, limit := range pool.Spec.Limits {
		each, ok := merged(machine.Capacity, machine.Devices)[corev1.ResourceName(name)]
		if name == "nodes" {
			most = min(most, int(limit.Value()))
		} else if ok && each.Value() > 0 {
			most = min(most, int(limit.Value()/each.Value()))
		}
	}
	return most
}

// used gives how many instances a reservation has.
func (m *Market) used(ctx context.Context, reservation string) (int, error) {
	nodes := &corev1.NodeList{}
	if err := m.client.List(ctx, nodes, client.MatchingLabels{reservationIDLabel: reservation}); err != nil {
		return 0, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, node := range nodes.Items {
		delete(m.launched, node.Spec.ProviderID)
	}
	count := len(nodes.Items)
	for _, id := range m.launched {
		if id == reservation {
			count++
		}
	}
	return count, nil
}

func (m *Market) remember(provider, reservation string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.launched == nil {
		m.launched = map[string]string{}
	}
	m.launched[provider] = reservation
}

func (m *Market) forget(provider string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.launched, provider)
}

func (m *Market) sellOut(place Place) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.soldOut = append(m.soldOut, place)
}

// knownSoldOut is true once a launch failed there, for as long as the fault lasts.
func (m *Market) knownSoldOut(place Place, faults []Fault) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.soldOut = slices.DeleteFunc(m.soldOut, func(other Place) bool { return !lacks(faults, other) })
	return slices.Contains(m.soldOut, place)
}

// regionOf gives an AWS availability zone's region; the simulated clusters have no local or wavelength zones.
func regionOf(zone string) string {
	if zone == "" {
		return ""
	}
	return zone[:len(zone)-1]
}

func sorted(values []string) []string {
	slices.Sort(values)
	return values
}

func merged(lists ...corev1.ResourceList) corev1.ResourceList {
	found := corev1.ResourceList{}
	for _, list := range lists {
		for name, quantity := range list {
			found[name] = quantity
		}
	}
	return found
}
