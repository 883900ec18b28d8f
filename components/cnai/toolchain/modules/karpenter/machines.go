package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

const (
	awsGroup             = "karpenter.k8s.aws"
	reservationIDLabel   = awsGroup + "/capacity-reservation-id"
	reservationTypeLabel = awsGroup + "/capacity-reservation-type"
)

// Machine is one row of the machines file.
type Machine struct {
	Name          string            `json:"name"`
	Arch          string            `json:"arch"`
	Price         float64           `json:"price"`
	Regions       []string          `json:"regions"`
	CapacityTypes []string          `json:"capacityTypes"`
	Labels        map[string]string `json:"labels"`
	// Capacity is what the kubelet reports; Devices what device plugins publish later.
	Capacity corev1.ResourceList `json:"capacity"`
	Devices  corev1.ResourceList `json:"devices"`
	Overhead corev1.ResourceList `json:"overhead"`
}

// Machines is the machines file.
type Machines struct {
	// SpotShare is the part of the list price that spot capacity is taken to cost.
	SpotShare float64   `json:"spotShare"`
	Machines  []Machine `json:"machines"`
}

func ReadMachines(path string) (*Machines, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the machines on offer, %w", err)
	}
	found := &Machines{}
	if err := json.Unmarshal(content, found); err != nil {
		return nil, fmt.Errorf("reading the machines on offer in %s, %w", path, err)
	}
	return found, nil
}

// RegisterLabels makes the machines' labels known to Karpenter, as the AWS provider does with its own.
func RegisterLabels(machines *Machines) {
	cloudprovider.ReservationIDLabel = reservationIDLabel
	v1.RestrictedLabelDomains.Insert(awsGroup)
	v1.WellKnownLabels.Insert(reservationIDLabel, reservationTypeLabel)
	v1.WellKnownLabels.Insert(machines.labelKeys()...)
}

func (m *Machines) labelKeys() []string {
	var keys []string
	for _, machine := range m.Machines {
		for key := range machine.Labels {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// requirements of every offering of the machine: all well-known labels are defined, those that it lacks as absent.
func (m *Machines) requirements(machine Machine, offerings cloudprovider.Offerings) scheduling.Requirements {
	found := scheduling.NewRequirements(
		scheduling.NewRequirement(corev1.LabelInstanceTypeStable, corev1.NodeSelectorOpIn, machine.Name),
		scheduling.NewRequirement(corev1.LabelArchStable, corev1.NodeSelectorOpIn, machine.Arch),
		scheduling.NewRequirement(corev1.LabelOSStable, corev1.NodeSelectorOpIn, string(corev1.Linux)),
		scheduling.NewRequirement(corev1.LabelTopologyZone, corev1.NodeSelectorOpIn, values(offerings, corev1.LabelTopologyZone)...),
		scheduling.NewRequirement(corev1.LabelTopologyRegion, corev1.NodeSelectorOpIn, values(offerings, corev1.LabelTopologyRegion)...),
		scheduling.NewRequirement(v1.CapacityTypeLabelKey, corev1.NodeSelectorOpIn, values(offerings, v1.CapacityTypeLabelKey)...),
	)
	for _, key := range m.labelKeys() {
		if value, ok := machine.Labels[key]; ok {
			found.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpIn, value))
		} else {
			found.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpDoesNotExist))
		}
	}
	for _, key := range []string{reservationIDLabel, reservationTypeLabel} {
		if some := values(offerings, key); len(some) > 0 {
			found.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpIn, some...))
		} else {
			found.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpDoesNotExist))
		}
	}
	return found
}

// values that the offerings have for a label.
func values(offerings cloudprovider.Offerings, key string) []string {
	var found []string
	for _, offering := range offerings {
		for _, value := range offering.Requirements.Get(key).Values() {
			if !slices.Contains(found, value) {
				found = append(found, value)
			}
		}
	}
	return found
}
